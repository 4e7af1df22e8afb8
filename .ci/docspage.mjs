// Drives the page /docs as a reader's browser does: node docspage.mjs DOCUMENT FOLDER-OF-THE-PAGE.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const [, , documentPath, folder] = process.argv;
const read = (name) => readFileSync(`${folder}/${name}`, "utf8");
const openapi = JSON.parse(readFileSync(documentPath, "utf8"));
const agents = "/v1/tenants/t1/agents";
const answers = {
  "/openapi.json": [openapi],
  [`${agents}/a1`]: [{ id: "a1" }, '"one"'],
  [agents]: [{ items: [{ id: "a2", etag: '"two"' }] }],
};

const page = new JSDOM(read("page.html").replace("/*script*/", () => read("page.js")), {
  url: "http://localhost/docs",
  runScripts: "dangerously",
  beforeParse(window) {
    window.scrollTo = () => {};
    window.Element.prototype.scrollIntoView = () => {};
    window.fetch = async (url) => {
      const [body, etag] = answers[url];
      return new Response(JSON.stringify(body), { headers: etag ? { ETag: etag } : {} });
    };
  },
});
const { document } = page.window;
const settle = () => new Promise((resolve) => setTimeout(resolve, 50));
const open = async (operation) => {
  page.window.location.hash = `#${operation}`;
  await settle();
};
const field = (name, value) => {
  const input = document.querySelector(`main [name="${name}"]`);
  if (value !== undefined) {
    input.value = value;
    input.dispatchEvent(new page.window.Event("input"));
  }
  return input.value;
};
const send = async () => {
  document.querySelector("main form").dispatchEvent(new page.window.Event("submit", { cancelable: true }));
  await settle();
};
// What an update of the agent would send as If-Match.
const ifMatch = async (agent) => {
  await open("update-agent");
  field("tenant_id", "t1");
  field("agent_id", agent);
  return field("If-Match");
};

await settle();
const introduction = document.querySelector("main").textContent;
for (const text of openapi.info.description.replaceAll("`", "").split("\n\n")) {
  assert.ok(introduction.includes(text), `the introduction is shown: ${text}`);
}

await open("create-agent");
const { example } = openapi.paths["/v1/tenants/{tenant_id}/agents"].post.requestBody.content["application/json"];
assert.deepEqual(JSON.parse(document.querySelector("main textarea").value), example, "the document's example is filled in");

await open("get-agent");
field("tenant_id", "t1");
field("agent_id", "a1");
await send();
assert.equal(await ifMatch("a1"), '"one"', "an ETag is that of the resource that was read");
assert.equal(await ifMatch("a2"), "", "and of no other");
await open("list-agents");
field("tenant_id", "t1");
await send();
assert.equal(await ifMatch("a2"), '"two"', "a list has its items' ETags");
assert.equal(await ifMatch("a1"), '"one"');
console.log("docs page: introduction, example and ETags are right");
