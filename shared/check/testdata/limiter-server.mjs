// An app that answers the test of docs/limiter.md with the limiter.mjs beside this file. It
// prints its port.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { testLimiter } from "./limiter.mjs";

const key = Buffer.from(process.env.PROOF_KEY.slice("whsec_".length), "base64");

createServer(async (request, response) => {
  const body = await text(request);
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = request.headers;
  const want = "v1," + createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
  const message = signature === want ? JSON.parse(body) : {};
  response.statusCode = message.type === "limiter.proof" ? 200 : 401;
  response.end(JSON.stringify(response.statusCode === 200 ? await testLimiter(message.data.nonce) : {}));
}).listen(0, "127.0.0.1", function () {
  console.log(this.address().port);
});
