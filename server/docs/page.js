"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const rules = {
    public: "public", authenticated: "requires a session", platform_admin: "requires a platform admin", tenant: "requires access to the tenant",
  };
  let doc, operations = [], token = "", kept = {}; // kept: last typed or returned value by parameter
  const etags = new Map(); // by the path of the resource

  // el creates an element. Text from the document or a response never becomes markup.
  function el(name, props, ...children) {
    const e = document.createElement(name);
    for (const [key, value] of Object.entries(props || {})) {
      if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
      else if (value !== false && value != null) e.setAttribute(key === "cls" ? "class" : key, value === true ? "" : value);
    }
    e.append(...children.flat().filter((c) => c != null && c !== false));
    return e;
  }
  const method = (m) => el("span", { cls: "method " + m }, m);
  const say = (text) => { $("notice").textContent = text || ""; $("notice").hidden = !text; };
  const prose = (text) => (text || "").split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

  function resolve(schema) {
    while (schema && schema.$ref) schema = doc.components.schemas[schema.$ref.split("/").pop()];
    return schema || {};
  }
  function typeOf(schema) {
    const s = resolve(schema);
    if (s.enum) return s.enum.join(" | ");
    if (s.type === "array") return typeOf(s.items) + "[]";
    const type = [].concat(s.type || "any").join(" | ");
    return s.format && s.format !== "int64" ? type + " (" + s.format + ")" : type;
  }
  function limits(s) {
    const said = [];
    if (s.maxLength) said.push((s.minLength ? s.minLength + " to " : "at most ") + s.maxLength + " characters");
    if (s.minimum != null) said.push(s.minimum + " to " + s.maximum);
    if (s.maxItems) said.push("at most " + s.maxItems);
    if (s.pattern && s.pattern !== "\\S") said.push(s.pattern);
    if (s.default != null) said.push("default " + s.default);
    return said.join(" · ");
  }
  function example(schema) {
    const s = resolve(schema);
    if (s.examples && s.examples.length) return s.examples[0];
    if (s.default != null) return s.default;
    if (s.enum) return s.enum[0];
    switch ([].concat(s.type)[0]) {
      case "object": return Object.fromEntries(Object.entries(s.properties || {}).filter(([, p]) => !resolve(p).readOnly).map(([k, p]) => [k, example(p)]));
      case "array": return [];
      case "integer": case "number": return s.minimum || 0;
      case "boolean": return true;
    }
    return "";
  }

  // fields lists an object's properties, nested ones below their parent. Required properties come first in a request,
  // identifying ones in a response.
  function fields(schema, depth, sent) {
    const s = resolve(schema), must = sent ? s.required || [] : ["id", "tenant_id", "name"];
    const rank = (name) => (must.indexOf(name) + must.length + 1) % (must.length + 1);
    return Object.entries(s.properties || {}).sort(([a], [b]) => rank(a) - rank(b)).flatMap(([name, property]) => {
      const p = resolve(property);
      const inner = p.type === "array" ? resolve(p.items) : p;
      return [
        el("tr", {},
          el("td", { cls: "mono" }, el("span", depth ? { cls: "nested" } : {}, depth ? "· " : "", name),
            sent && must.includes(name) && el("span", { cls: "must" }, "required")),
          el("td", {}, el("span", { cls: "type" }, typeOf(property)), " ", el("div", {}, prose(property.description || p.description)),
            el("small", {}, limits(p)))),
        ...(depth < 2 && inner.properties ? fields(inner, depth + 1, sent) : []),
      ];
    });
  }
  const table = (rows) => rows.length ? el("table", {}, el("tbody", {}, rows)) : el("p", { cls: "quiet" }, "None.");

  function describe(o) {
    const parts = [];
    const parameters = o.op.parameters || [];
    if (parameters.length) {
      parts.push(el("h3", {}, "Parameters"), table(parameters.map((p) => el("tr", {},
        el("td", { cls: "mono" }, p.name, p.required && el("span", { cls: "must" }, "required")),
        el("td", {}, el("span", { cls: "type" }, p.in + ", " + typeOf(p.schema)), el("div", {}, p.description || ""), el("small", {}, limits(p.schema)))))));
    }
    const body = bodyOf(o);
    if (body && resolve(body).properties) parts.push(el("h3", {}, "Body"), table(fields(body, 0, true)));
    const good = Object.entries(o.op.responses).filter(([status]) => status < 300);
    for (const [status, response] of good) {
      const schema = response.content && response.content["application/json"] && response.content["application/json"].schema;
      parts.push(el("h3", {}, "Response " + status + " ", el("small", {}, response.description)));
      if (schema) parts.push(table(fields(schema, 0, false)));
    }
    parts.push(el("h3", {}, "Errors"), el("div", { cls: "chips" }, Object.entries(o.op.responses).filter(([status]) => status >= 300)
      .map(([status, response]) => el("span", {}, el("b", {}, status), " ", response.description))));
    return parts;
  }
  function exampleOf(o) {
    const content = o.op.requestBody.content["application/json"];
    return content.example || example(content.schema);
  }
  const needsSession = (o) => (o.op.security || []).length > 0;

  function bodyOf(o) {
    const content = o.op.requestBody && o.op.requestBody.content;
    return content && content["application/json"] && content["application/json"].schema;
  }

  function form(o) {
    const inputs = (o.op.parameters || []).map((p) => {
      const input = el("input", { cls: "mono", name: p.name, autocomplete: "off", spellcheck: "false", placeholder: p.required ? "" : "optional" });
      input.value = p.in === "path" ? kept[p.name] || "" : "";
      input.addEventListener("input", () => {
        if (p.name === "If-Match") input.dataset.typed = "yes"; else kept[p.name] = input.value;
        show();
      });
      return { ...p, input };
    });
    const schema = bodyOf(o);
    const body = schema && el("textarea", { spellcheck: "false", "aria-label": "Body" });
    if (body) {
      body.value = JSON.stringify(exampleOf(o), null, 2);
      body.addEventListener("input", () => show());
    }
    const curl = el("pre", {}), answer = el("div", { role: "status" }), send = el("button", { cls: "primary" }, "Send");
    const pathOf = () => inputs.filter((p) => p.in === "path").reduce((path, p) => {
      const value = p.input.value.trim();
      return value ? path.replace("{" + p.name + "}", encodeURIComponent(value)) : path;
    }, o.path);
    const request = () => {
      const path = pathOf(), query = new URLSearchParams(), headers = {};
      for (const p of inputs) {
        // The ETag of another resource would never match.
        if (p.name === "If-Match" && !p.input.dataset.typed) p.input.value = etags.get(path) || "";
        const value = p.input.value.trim();
        if (p.in === "path") continue;
        if (value && p.in === "query") query.set(p.name, value);
        else if (value) headers[p.name] = value;
      }
      if (token && needsSession(o)) headers.Authorization = "Bearer " + token;
      if (body) headers["Content-Type"] = "application/json";
      return { url: path + (query.size ? "?" + query : ""), headers, body: body ? body.value : undefined };
    };
    function show() {
      const r = request(), quote = (s) => "'" + s.replaceAll("'", "'\\''") + "'";
      curl.textContent = ["curl" + (o.method === "get" ? "" : " -X " + o.method.toUpperCase()) + " " + quote(location.origin + r.url),
        ...Object.entries(r.headers).map(([k, v]) => "-H " + (k === "Authorization" ? '"Authorization: Bearer $TOKEN"' : quote(k + ": " + v))),
        ...(r.body ? ["-d " + quote(r.body)] : [])].join(" \\\n  ");
    }
    async function submit(event) {
      event.preventDefault();
      const r = request(), started = performance.now();
      send.disabled = true;
      try {
        const got = await fetch(r.url, { method: o.method.toUpperCase(), headers: r.headers, body: r.body, credentials: "omit" });
        const text = await got.text();
        const data = parse(text), etag = got.headers.get("ETag");
        if (etag) etags.set(got.headers.get("Location") || pathOf(), etag);
        for (const item of (data && data.items) || []) etags.set(pathOf() + "/" + item.id, item.etag);
        if (o.method === "delete" && got.ok) etags.delete(pathOf());
        remember(o, data);
        answer.replaceChildren(el("div", { cls: "row" },
          el("span", { cls: "status " + (got.ok ? "ok" : "no") }, got.status + " " + got.statusText),
          el("small", {}, Math.round(performance.now() - started) + " ms"),
          ...["ETag", "Location", "Retry-After", "Allow"].filter((h) => got.headers.get(h)).map((h) => el("small", {}, h + ": " + got.headers.get(h)))),
          text && el("pre", {}, data === undefined ? text : highlight(JSON.stringify(data, null, 2))));
      } catch (err) {
        answer.replaceChildren(el("p", { cls: "status no" }, "Request failed: " + err.message));
      }
      send.disabled = false;
    }
    show();
    return el("div", { cls: "sticky" }, el("form", { cls: "card", onsubmit: submit },
      el("h3", {}, "Try it"),
      needsSession(o) && !token && el("p", { cls: "quiet" }, "Requires a session. Log in at the top of the page."),
      inputs.map((p) => el("label", {}, p.name, " ", el("span", { cls: "quiet" }, p.in), p.input)),
      body && el("label", {}, "body", body),
      el("div", { cls: "row" }, send, el("button", { type: "button", onclick: () => copy(curl.textContent) }, "Copy as curl")),
      answer, curl));
  }
  async function copy(text) {
    try { await navigator.clipboard.writeText(text); } catch { say("The browser blocked access to the clipboard."); }
  }
  const parse = (text) => { try { return JSON.parse(text); } catch { return undefined; } };

  // remember keeps the id of a created resource, or of the first in a list, for the next form.
  function remember(o, data) {
    const item = data && (data.items ? data.items[0] : data);
    if (!item || !item.id || !o.path.startsWith("/v1/tenants")) return;
    const last = o.path.replace(/\/\{[^}]*\}$/, "").split("/").pop();
    const name = { tenants: "tenant_id", agents: "agent_id", "channel-connections": "connection_id" }[last];
    if (name) kept[name] = item.id;
  }
  // highlight splits JSON into spans with classes for keys, strings and other values.
  function highlight(json) {
    const parts = [], pattern = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g;
    let at = 0;
    for (const m of json.matchAll(pattern)) {
      parts.push(json.slice(at, m.index));
      if (m[1]) parts.push(el("span", { cls: m[2] ? "k" : "s" }, m[1]), m[2] || "");
      else parts.push(el("span", { cls: "n" }, m[0]));
      at = m.index + m[0].length;
    }
    return [...parts, json.slice(at)];
  }

  function render() {
    const o = operations.find((o) => "#" + o.op.operationId === location.hash);
    for (const a of $("list").querySelectorAll("a")) {
      if (o && a.hash === "#" + o.op.operationId) { a.setAttribute("aria-current", "page"); a.scrollIntoView({ block: "nearest" }); } else a.removeAttribute("aria-current");
    }
    if (!o) {
      document.title = doc.info.title + " API";
      $("main").replaceChildren(el("h1", {}, doc.info.title + " API"),
        ...doc.info.description.split("\n\n").map((text) => el("p", { cls: "intro" }, prose(text))),
        el("p", {}, el("a", { href: "/openapi.json" }, "The OpenAPI " + doc.openapi + " document")));
      return;
    }
    document.title = o.op.summary + " · " + doc.info.title;
    const path = o.path.split(/(\{[^}]*\})/).map((part) => (part.startsWith("{") ? el("b", {}, part) : part));
    $("main").replaceChildren(el("h1", {}, o.op.summary),
      el("div", { cls: "path" }, method(o.method), el("span", {}, path), el("span", { cls: "rule" }, rules[o.op["x-konstruct-access"]] || "")),
      el("p", { cls: "intro" }, prose(o.op.description)), el("div", { cls: "halves" }, el("section", {}, describe(o)), form(o)));
    window.scrollTo(0, 0);
  }
  function list() {
    const query = $("filter").value.trim().toLowerCase(), groups = new Map();
    for (const o of operations) {
      if (query && !(o.method + " " + o.path + " " + o.op.summary).toLowerCase().includes(query)) continue;
      const tag = (o.op.tags || ["Other"])[0];
      groups.set(tag, [...(groups.get(tag) || []), o]);
    }
    $("list").replaceChildren(...[...groups].flatMap(([tag, group]) => [el("h2", {}, tag),
      ...group.map((o) => el("a", { href: "#" + o.op.operationId, title: o.path }, method(o.method), o.op.summary))]));
  }

  async function login(event) {
    event.preventDefault();
    const data = new FormData(event.target);
    const got = await fetch("/v1/auth/login", { method: "POST", credentials: "omit", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ email: data.get("email"), password: data.get("password") }) });
    const body = parse(await got.text()) || {};
    if (!got.ok) return say(body.detail || "Login failed.");
    event.target.reset();
    session(body.session.token, body.user.name + (body.user.is_admin ? " · platform admin" : ""));
  }
  function session(newToken, name) {
    token = newToken;
    say("");
    $("login").hidden = !!token;
    $("who").hidden = !token;
    $("name").textContent = name;
    render();
  }
  async function logout() {
    await fetch("/v1/auth/logout", { method: "POST", credentials: "omit", headers: { Authorization: "Bearer " + token } });
    session("", "");
  }

  async function start() {
    doc = await (await fetch("/openapi.json", { credentials: "omit" })).json();
    const order = ["Login", "Tenants", "Agents", "Channel connections", "Channels", "Health"], verbs = ["get", "post", "patch", "put", "delete"];
    operations = Object.entries(doc.paths).flatMap(([path, item]) => verbs.filter((m) => item[m]).map((m) => ({ path, method: m, op: item[m] })));
    const rank = (o) => (order.indexOf((o.op.tags || [])[0]) + order.length + 1) % (order.length + 1);
    operations.sort((a, b) => rank(a) - rank(b));
    list();
    render();
  }
  addEventListener("hashchange", render);
  addEventListener("keydown", (e) => { if (e.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { e.preventDefault(); $("filter").focus(); } });
  $("filter").addEventListener("input", list);
  $("login").addEventListener("submit", login);
  $("logout").addEventListener("click", logout);
  start().catch((err) => say("Failed to load the OpenAPI document: " + err.message));
})();
