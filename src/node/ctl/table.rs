//! JSON as text for people: objects as lines, lists of objects as tables.

use serde_json::Value;
use std::fmt::Write;

/// Renders any reply of the admin listener.
pub fn render(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Null => text.push_str("done\n"),
        Value::Array(rows) => table(&mut text, rows, ""),
        Value::Object(fields) => {
            for (name, value) in fields {
                // A list's reply is an object around its items.
                let value = value.get("items").unwrap_or(value);
                match (name.as_str(), value) {
                    ("items", Value::Array(rows)) => {
                        table(&mut text, rows, "");
                        continue;
                    }
                    ("next_cursor", Value::Null) => continue,
                    ("next_cursor", Value::String(cursor)) => {
                        let _ = writeln!(text, "there are more: --cursor {cursor}");
                        continue;
                    }
                    _ => {}
                }
                match value {
                    Value::Array(rows) if rows.iter().any(Value::is_object) => {
                        let _ = writeln!(text, "{name}:");
                        table(&mut text, rows, "  ");
                    }
                    Value::Array(rows) if rows.is_empty() => {
                        let _ = writeln!(text, "{name}: none");
                    }
                    Value::Object(inner) => {
                        let parts: Vec<String> = inner.iter().map(|(k, v)| format!("{k} {}", cell(v))).collect();
                        let _ = writeln!(text, "{name}: {}", parts.join(", "));
                    }
                    other => {
                        let _ = writeln!(text, "{name}: {}", cell(other));
                    }
                }
            }
        }
        other => {
            let _ = writeln!(text, "{}", cell(other));
        }
    }
    text
}

fn table(text: &mut String, rows: &[Value], indent: &str) {
    let Some(Value::Object(first)) = rows.first() else {
        text.push_str(indent);
        text.push_str("none\n");
        return;
    };
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| names.iter().map(|name| cell(&row[*name])).collect()).collect();
    for line in columns(&names, &cells).lines() {
        let _ = writeln!(text, "{indent}{line}");
    }
}

/// Text in columns, below their headings.
pub fn columns(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(headings.to_vec())).chain(body).collect()
}

/// A value in a table.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields.values().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use serde_json::json;

    #[test]
    fn a_page_of_a_list_says_where_it_goes_on() {
        let page = render(&json!({ "items": [{ "id": "7" }], "next_cursor": "abc" }));
        assert_eq!(page, "id\n7\nthere are more: --cursor abc\n");
        assert_eq!(render(&json!({ "items": [], "next_cursor": null })), "none\n");
    }
}
