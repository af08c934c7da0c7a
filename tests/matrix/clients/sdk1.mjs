// The client of @modelcontextprotocol/sdk 1.x.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { run } from "./common.mjs";

await run(async (job, url, requestInit) => {
  const client = new Client({ name: job.name ?? "sdk-1", version: "1" });
  const transport = new StreamableHTTPClientTransport(url, { requestInit });
  await client.connect(transport);
  return {
    client,
    version: () => transport.protocolVersion,
    call: (params, options) => client.callTool(params, undefined, options),
  };
});
