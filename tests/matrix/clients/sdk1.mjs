// The client of @modelcontextprotocol/sdk 1.x.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { asked, capabilities, run } from "./common.mjs";

await run(async (job, url, requestInit) => {
  const client = new Client({ name: job.name ?? "sdk-1", version: "1" }, { capabilities: capabilities(job) });
  if (job.opens) client.setRequestHandler(ElicitRequestSchema, asked(job));
  const transport = new StreamableHTTPClientTransport(url, { requestInit });
  await client.connect(transport);
  return {
    client,
    version: () => transport.protocolVersion,
    call: (params, options) => client.callTool(params, undefined, options),
  };
});
