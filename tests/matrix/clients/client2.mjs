// @modelcontextprotocol/client 2.x, in the era that the job names.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { asked, capabilities, run } from "./common.mjs";

await run(async (job, url, requestInit) => {
  const options = { capabilities: capabilities(job), versionNegotiation: { mode: job.mode } };
  const client = new Client({ name: job.name ?? "client-2", version: "1" }, options);
  if (job.opens) client.setRequestHandler("elicitation/create", asked(job));
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  return {
    client,
    version: () => client.getNegotiatedProtocolVersion(),
    call: (params, options) => client.callTool(params, options),
  };
});
