// Verifies a delivery on standard input, {key, headers, body}, with the library of Standard Webhooks.
import { Webhook } from "standardwebhooks";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { key, headers, body } = JSON.parse(text);
console.log(new Webhook(key).verify(body, headers).type);
