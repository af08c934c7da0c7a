// What the clients of npm have in common: a job on stdin, a JSON line for each thing that happens on stdout.
//
// A job is {url, token, name, mode, calls: [{tool, arguments}], timeout, reset, progress, again}. `again` is the code of
// the error that says that the client's own clock ran out: such a call, and one that is told that it is pending, is made
// again, as a model would that reads what it is told. `opens`: the user of this client is asked to open pages, and
// answers with this word.

import { stdin, stdout } from "node:process";

const VERDICT = "placet/verdict";

function say(line) {
  stdout.write(JSON.stringify(line) + "\n");
}

async function read() {
  const parts = [];
  for await (const part of stdin) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

// What a client of this job declares, and how it answers when it is asked.
export function capabilities(job) {
  return job.opens ? { elicitation: { form: {}, url: {} } } : {};
}

export function asked(job) {
  return (request) => {
    say({ asked: request.params });
    return { action: job.opens };
  };
}

async function again(job, one, call) {
  for (;;) {
    const onprogress = job.progress ? (step) => say({ progress: step }) : undefined;
    const options = { timeout: job.timeout ?? 60_000, resetTimeoutOnProgress: job.reset ?? false, onprogress };
    let result;
    try {
      result = await call({ name: one.tool, arguments: one.arguments }, options);
    } catch (error) {
      if (!job.again || error.code !== job.again) throw error;
      say({ gave_up: String(error.message) });
      continue;
    }
    if (!job.again || result._meta?.[VERDICT]?.code !== "approval_pending") return result;
    say({ pending: result });
  }
}

export async function run(connect) {
  const job = await read();
  const requestInit = { headers: { Authorization: `Bearer ${job.token}` } };
  const { client, version, call } = await connect(job, new URL(job.url), requestInit);
  const { tools } = await client.listTools();
  say({ version: version(), tools: tools.map((tool) => tool.name) });
  for (const one of job.calls) {
    try {
      say({ result: await again(job, one, call) });
    } catch (error) {
      say({ error: `${error.name} ${error.code}: ${error.message}` });
    }
  }
  await client.close();
}
