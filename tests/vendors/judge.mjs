// Judges what Croft tells webhooks: signatures by the reference verifier of Standard Webhooks, events by the schema of
// CloudEvents and by those that Croft publishes.
//
// Reads {"secrets": [...], "cloudEvents": FILE, "schemas": FOLDER, "deliveries": [{"headers", "body"}]} from standard
// input. Prints one line for each thing that is wrong; the exit status is 1 if there is any.
import fs from 'node:fs';
import path from 'node:path';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { Webhook } from 'standardwebhooks';

const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const problems = [];

function compiled(ajv, schema) {
  addFormats(ajv);
  return ajv.compile(schema);
}

const isCloudEvent = compiled(new Ajv({ strict: false }), read(asked.cloudEvents));
const published = new Map();
for (const file of fs.readdirSync(asked.schemas)) {
  if (file.endsWith('.json')) {
    published.set(file.slice(0, -'.json'.length), compiled(new Ajv2020(), read(path.join(asked.schemas, file))));
  }
}

for (const [index, { headers, body }] of asked.deliveries.entries()) {
  for (const secret of asked.secrets) {
    try {
      new Webhook(secret).verify(body, headers);
    } catch (error) {
      problems.push(`delivery ${index}: signature: ${error.message}`);
    }
  }
  const event = JSON.parse(body);
  if (!isCloudEvent(event)) problems.push(`delivery ${index}: no CloudEvent: ${JSON.stringify(isCloudEvent.errors)}`);
  const check = published.get(event.type);
  if (!check) problems.push(`delivery ${index}: no schema is published for ${event.type}`);
  else if (!check(event)) problems.push(`delivery ${index}: ${event.type}: ${JSON.stringify(check.errors)}`);
}

for (const problem of problems) console.log(problem);
process.exit(problems.length > 0 ? 1 : 0);
