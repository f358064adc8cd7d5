//! The bounds of texts in the document are those that hold.

use super::support::Edge;
use crate::{extract::MAX_CURSOR_BYTES, openapi_document};
use http::Method;
use serde_json::{Value, json};
use tessera_domain::{text, user};

fn document() -> Value {
    serde_json::to_value(openapi_document()).expect("json")
}

fn bounds(schema: &Value) -> (Option<usize>, Option<usize>) {
    let number = |name: &str| schema[name].as_u64().map(|number| number as usize);
    (number("minLength"), number("maxLength"))
}

/// The schemas of every parameter of a name.
fn parameters(document: &Value, name: &str) -> Vec<Value> {
    let items = document["paths"].as_object().expect("paths").values();
    let operations = items.flat_map(|item| item.as_object().expect("item").values());
    let all = operations.filter_map(|operation| operation["parameters"].as_array()).flatten();
    all.filter(|parameter| parameter["name"] == name).map(|parameter| parameter["schema"].clone()).collect()
}

#[test]
fn bodies_are_bounded_as_the_domain_bounds_them() {
    let document = document();
    let (password, name) = (user::PASSWORD_BYTES, user::USERNAME_CHARS);
    let rows = [
        ("SignUp", "username", Some(name.0), name.1),
        ("SignUp", "password", Some(password.0), password.1),
        ("SignUp", "display_name", Some(1), user::MAX_DISPLAY_NAME_CHARS),
        ("LogIn", "password", None, password.1),
        ("ProfilePatch", "display_name", Some(1), user::MAX_DISPLAY_NAME_CHARS),
        ("ProfilePatch", "bio", None, user::MAX_BIO_CHARS),
        ("NewComment", "text", Some(1), text::MAX_COMMENT_CHARS),
        ("Completion", "caption", None, text::MAX_CAPTION_CHARS),
        ("Completion", "alt_text", None, text::MAX_ALT_TEXT_CHARS),
        ("PostPatch", "caption", None, text::MAX_CAPTION_CHARS),
        ("PostPatch", "alt_text", None, text::MAX_ALT_TEXT_CHARS),
    ];
    for (schema, property, least, most) in rows {
        let found = bounds(&document["components"]["schemas"][schema]["properties"][property]);
        assert_eq!(found, (least, Some(most)), "{schema}.{property}");
    }
}

#[test]
fn cursors_are_bounded_wherever_they_are_taken() {
    let cursors = parameters(&document(), "cursor");
    assert!(cursors.len() > 8, "{} lists", cursors.len());
    for cursor in cursors {
        assert_eq!(bounds(&cursor), (None, Some(MAX_CURSOR_BYTES)));
    }
}

#[test]
fn a_picture_to_search_with_is_bytes() {
    let body = &document()["paths"]["/v1/search/visual"]["post"]["requestBody"]["content"]["image/*"]["schema"];
    assert_eq!((&body["type"], &body["format"]), (&json!("string"), &json!("binary")));
}

/// Bounds that stand in use cases: what the document allows passes, one more does not.
#[tokio::test]
async fn what_is_asked_and_named_is_bounded_as_described() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let document = document();
    for (name, path) in [("q", "/v1/search?q="), ("tag", "/v1/hashtags/{}/posts")] {
        let schemas = parameters(&document, name);
        assert!(!schemas.is_empty());
        for (least, most) in schemas.iter().map(bounds) {
            let (least, most) = (least.expect("a least"), most.expect("a most"));
            let get = async |length: usize| {
                let text = "a".repeat(length);
                let path = if path.contains("{}") { path.replace("{}", &text) } else { format!("{path}{text}") };
                edge.get(&path, &ada).await
            };
            assert_eq!([get(least).await.status, get(most).await.status], [200, 200], "{name}");
            assert_eq!(get(most + 1).await.is_problem(422, "validation_failed")["field"], name);
        }
    }
    let (least, most) = bounds(&document["components"]["schemas"]["NewUpload"]["properties"]["filename"]);
    for (length, status) in [(least.expect("a least"), 201), (most.expect("a most"), 201), (0, 422), (256, 422)] {
        let body = json!({ "filename": "a".repeat(length), "file_size": 5, "content_type": "image/jpeg" });
        assert_eq!(edge.post("/v1/uploads", &ada, body).await.status, status, "{length}");
    }
}

#[tokio::test]
async fn names_that_cannot_be_seen_or_turn_the_line_are_refused() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    for name in ["\u{200b}\u{200d}", " \u{2003}", "ada\u{202e}nimda", "\u{2067}ada"] {
        let refused = edge.call(Method::PATCH, "/v1/me", &ada, Some(json!({ "display_name": name }))).await;
        assert_eq!(refused.is_problem(422, "validation_failed")["field"], "display_name", "{name:?}");
    }
}
