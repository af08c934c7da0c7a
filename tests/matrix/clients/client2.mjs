// @modelcontextprotocol/client 2.x, in the era that the job names.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { run } from "./common.mjs";

await run(async (job, url, requestInit) => {
  const client = new Client({ name: job.name ?? "client-2", version: "1" }, { versionNegotiation: { mode: job.mode } });
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  return {
    client,
    version: () => client.getNegotiatedProtocolVersion(),
    call: (params, options) => client.callTool(params, options),
  };
});
