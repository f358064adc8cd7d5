// Shows /openapi.json as a page: one entry per operation, grouped by tag.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function nameOf(reference) {
  return reference.split("/").pop();
}

// An example-like outline of a schema. References are followed a few levels, so that cycles end.
function outline(schema, schemas, depth = 0) {
  if (!schema || depth > 6) return "…";
  if (schema.$ref) return outline(schemas[nameOf(schema.$ref)], schemas, depth + 1);
  if (schema.example !== undefined) return schema.example;
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => outline(part, schemas, depth + 1)));
  const choices = (schema.oneOf || schema.anyOf || []).filter((choice) => choice.type !== "null");
  if (choices.length > 0) return outline(choices[0], schemas, depth + 1);
  if (schema.enum) return schema.enum.join(" | ");
  const type = [].concat(schema.type || "object").filter((word) => word !== "null").join(" | ");
  if (type === "array") return [outline(schema.items, schemas, depth + 1)];
  if (type !== "object") return schema.format ? `${type} (${schema.format})` : type;
  const entries = Object.entries(schema.properties || {});
  return Object.fromEntries(entries.map(([key, part]) => [key, outline(part, schemas, depth + 1)]));
}

function body(content, schemas) {
  const schema = content && content["application/json"] && content["application/json"].schema;
  return schema ? element("pre", {}, JSON.stringify(outline(schema, schemas), null, 2)) : "";
}

function parameters(list) {
  const row = (one) =>
    element("tr", {}, element("td", {}, element("code", {}, one.name)), element("td", {}, one.in), element("td", {}, one.description || ""));
  return list.length > 0 ? element("table", {}, ...list.map(row)) : "";
}

function operation(method, path, one, schemas) {
  const head = element(
    "summary", {},
    element("span", { class: "method" }, method.toUpperCase()),
    element("code", {}, path),
    element("span", { class: "summary" }, one.summary || ""),
  );
  const parts = [element("p", {}, one.description || one.summary || "")];
  parts.push(parameters(one.parameters || []));
  if (one.requestBody) parts.push(element("p", {}, "Body"), body(one.requestBody.content, schemas));
  for (const [status, reply] of Object.entries(one.responses || {})) {
    if (status === "default") continue;
    parts.push(element("p", {}, `${status} ${reply.description || ""}`), body(reply.content, schemas));
  }
  return element("details", {}, head, ...parts.filter((part) => part !== ""));
}

async function show() {
  const spec = await (await fetch("/openapi.json")).json();
  const schemas = (spec.components && spec.components.schemas) || {};
  document.title = spec.info.title;
  document.getElementById("title").textContent = `${spec.info.title} ${spec.info.version}`;
  document.getElementById("about").textContent = spec.info.description || "";
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const tag = (item[method].tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(method, path, item[method], schemas));
    }
  }
  const sections = [...groups].map(([tag, list]) => element("section", {}, element("h2", {}, tag), ...list));
  document.getElementById("operations").replaceChildren(...sections);
}

show().catch((error) => {
  document.getElementById("operations").textContent = `The document could not be loaded: ${error}`;
});
