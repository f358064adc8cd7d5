//! Nothing that clients of the released API rely on is gone or means something else.

use crate::openapi_document;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const RELEASED: &str = include_str!("../../../tests/fixtures/released/openapi.json");
/// Deeper than bodies are; schemas that name themselves end here.
const MAX_DEPTH: usize = 16;

/// Who writes the JSON that a schema describes. Clients may write what they wrote, and must find what they read.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    Client,
    Server,
}

/// What a schema asks for, with its references and its parts laid together.
#[derive(Default)]
struct Shape {
    types: BTreeSet<String>,
    properties: BTreeMap<String, Value>,
    required: BTreeSet<String>,
    items: Option<Value>,
}

struct Comparison {
    old: Value,
    new: Value,
    broken: Vec<String>,
}

impl Comparison {
    fn of(old: Value, new: Value) -> Vec<String> {
        let mut comparison = Self { old, new, broken: Vec::new() };
        comparison.paths();
        comparison.broken
    }

    fn paths(&mut self) {
        for (path, item) in &object(&self.old["paths"]) {
            for (method, old) in &object(item) {
                let place = format!("{method} {path}");
                match self.new["paths"][path].get(method).cloned() {
                    Some(new) => self.operation(&place, old, &new),
                    None => self.broken.push(format!("{place} is gone")),
                }
            }
        }
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        self.parameters(place, &list(&old["parameters"]), &list(&new["parameters"]));
        let (old_body, new_body) = (&old["requestBody"], &new["requestBody"]);
        self.not_required_anew(&format!("{place}: the body"), old_body, new_body);
        self.contents(place, &old_body["content"], &new_body["content"], Writer::Client);
        for (status, old) in &object(&old["responses"]) {
            match new["responses"].get(status) {
                Some(new) => {
                    self.contents(&format!("{place} {status}"), &old["content"], &new["content"], Writer::Server);
                }
                None => self.broken.push(format!("{place} does not answer {status} any more")),
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &[Value], new: &[Value]) {
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for parameter in old {
            let place = format!("{place}: parameter {}", parameter["name"]);
            match new.iter().find(|found| same(found, parameter)) {
                Some(found) => self.schema(&place, &parameter["schema"], &found["schema"], Writer::Client, 0),
                None => self.broken.push(format!("{place} is gone")),
            }
        }
        for parameter in new {
            let before = old.iter().find(|found| same(found, parameter)).unwrap_or(&Value::Null);
            self.not_required_anew(&format!("{place}: parameter {}", parameter["name"]), before, parameter);
        }
    }

    fn not_required_anew(&mut self, what: &str, old: &Value, new: &Value) {
        if new["required"] == true && old["required"] != true {
            self.broken.push(format!("{what} is required now"));
        }
    }

    fn contents(&mut self, place: &str, old: &Value, new: &Value, writer: Writer) {
        for (content_type, old) in &object(old) {
            match new.get(content_type) {
                Some(new) if content_type.ends_with("json") => {
                    self.schema(place, &old["schema"], &new["schema"], writer, 0);
                }
                Some(_) => {}
                None => self.broken.push(format!("{place}: {content_type} is gone")),
            }
        }
    }

    fn schema(&mut self, place: &str, old: &Value, new: &Value, writer: Writer, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let (old, new) = (shape(&self.old, old), shape(&self.new, new));
        let types_fit = match writer {
            Writer::Client => old.types.is_subset(&new.types),
            Writer::Server => new.types.is_subset(&old.types) && new.types.is_empty() == old.types.is_empty(),
        };
        if !types_fit {
            self.broken.push(format!("{place} was {:?} and is {:?}", old.types, new.types));
        }
        let unfit: Vec<&String> = match writer {
            Writer::Client => new.required.difference(&old.required).collect(),
            Writer::Server => old.required.difference(&new.required).collect(),
        };
        for property in unfit {
            self.broken.push(format!("{place}.{property} changed between required and not"));
        }
        for (name, old) in &old.properties {
            let place = format!("{place}.{name}");
            match new.properties.get(name) {
                Some(new) => self.schema(&place, old, new, writer, depth + 1),
                None => self.broken.push(format!("{place} is gone")),
            }
        }
        if let (Some(old), Some(new)) = (&old.items, &new.items) {
            self.schema(&format!("{place}[]"), old, new, writer, depth + 1);
        }
    }
}

fn shape(document: &Value, schema: &Value) -> Shape {
    let mut shape = Shape::default();
    collect(document, schema, &mut shape);
    shape
}

fn collect(document: &Value, schema: &Value, shape: &mut Shape) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/components/schemas/");
        return collect(document, &document["components"]["schemas"][name], shape);
    }
    for part in ["allOf", "oneOf", "anyOf"].iter().flat_map(|key| list(&schema[*key])) {
        collect(document, &part, shape);
    }
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    shape.types.extend(types.iter().filter_map(Value::as_str).map(str::to_owned));
    shape.properties.extend(object(&schema["properties"]));
    shape.required.extend(list(&schema["required"]).iter().filter_map(Value::as_str).map(str::to_owned));
    if schema["items"].is_object() {
        shape.items = Some(schema["items"].clone());
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn today() -> Value {
    serde_json::to_value(openapi_document()).expect("json")
}

#[test]
fn nothing_of_the_released_api_is_broken() {
    let released: Value = serde_json::from_str(RELEASED).expect("json");
    assert!(object(&released["paths"]).len() > 30);
    let broken = Comparison::of(released, today());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The comparison sees what it is there for.
#[test]
fn whatever_breaks_clients_is_found() {
    let gone = |pointer: &str, key: &str| {
        let mut document = today();
        let place = document.pointer_mut(pointer).and_then(Value::as_object_mut);
        assert!(place.is_some_and(|place| place.remove(key).is_some()), "{pointer} has {key}");
        document
    };
    let put = |pointer: &str, value: Value| {
        let mut document = today();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = document.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.unwrap_or_else(|| panic!("{pointer} is there")).insert(key.to_owned(), value);
        document
    };
    let changes = [
        gone("/paths", "/v1/me"),
        gone("/paths/~1v1~1me", "patch"),
        gone("/paths/~1v1~1me/get/responses", "200"),
        gone("/paths/~1v1~1search/get", "parameters"),
        put("/paths/~1v1~1search/get/parameters/0/schema/type", json!("integer")),
        put("/paths/~1v1~1search/get/parameters/1/required", json!(true)),
        put("/paths/~1v1~1uploads~1{upload_id}~1complete/post/requestBody/required", json!(true)),
        gone("/components/schemas/SignUp/properties", "display_name"),
        put("/components/schemas/SignUp/required", json!(["username", "password", "display_name"])),
        put("/components/schemas/SignUp/properties/username/type", json!("integer")),
        gone("/components/schemas/Comment/properties", "author"),
        put("/components/schemas/Comment/properties/text/type", json!(["string", "null"])),
        put("/components/schemas/Comment/required", json!(["id", "post_id", "author", "created_at"])),
        put("/components/schemas/Feed/properties/items/items", json!({ "type": "string" })),
    ];
    for (number, changed) in changes.into_iter().enumerate() {
        assert!(!Comparison::of(today(), changed).is_empty(), "change {number} is not seen");
    }
    assert!(Comparison::of(today(), today()).is_empty());
}
