// What the clients of npm have in common: a job on stdin, a JSON line for each thing that happens on stdout.
//
// A job is {url, token, mode, calls: [{tool, arguments}], timeout, reset, progress, until}. `until` is a code of a
// verdict: a call is repeated while it is answered with it, as a model would that reads what it is told.

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

async function again(job, one, call) {
  for (;;) {
    const onprogress = job.progress ? (step) => say({ progress: step }) : undefined;
    const options = { timeout: job.timeout ?? 60_000, resetTimeoutOnProgress: job.reset ?? false, onprogress };
    let result;
    try {
      result = await call({ name: one.tool, arguments: one.arguments }, options);
    } catch (error) {
      if (!job.until || error.code !== job.until) throw error;
      say({ gave_up: String(error.message) });
      continue;
    }
    if (!job.until || result._meta?.[VERDICT]?.code !== "approval_pending") return result;
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
