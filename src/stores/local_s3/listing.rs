//! `ListObjectsV2` of what lies in a folder. `s3s-fs` 0.14 walks the whole bucket for it.

use super::blocking::blocking;
use super::files::ObjectFiles;
use s3s::dto::{ListObjectsV2Input, ListObjectsV2Output, Object};
use s3s::{S3Result, s3_error};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// S3's bound of one reply.
const MAX_LISTED: usize = 1_000;

/// The objects in `folder`, the prefix without its slash, and in those below it: by key, after the marker.
pub(super) async fn list(folder: ObjectFiles, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    if input.delimiter.is_some() {
        return Err(s3_error!(NotImplemented, "listings with a delimiter are not implemented"));
    }
    let ListObjectsV2Input { bucket, prefix, continuation_token, start_after, max_keys, .. } = input;
    let prefix = prefix.unwrap_or_default();
    let after = continuation_token.max(start_after).unwrap_or_default();
    let mut found = blocking(move || {
        let mut found = Vec::new();
        walk(&folder.object, &prefix, &mut found)?;
        found.retain(|(key, _)| *key > after);
        found.sort();
        Ok(found)
    })
    .await?;
    let limit = max_keys.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_LISTED).min(MAX_LISTED);
    let is_truncated = found.len() > limit;
    found.truncate(limit);
    let next_continuation_token = found.last().filter(|_| is_truncated).map(|(key, _)| key.clone());
    let objects = found.into_iter().map(|(key, size_bytes)| Object {
        key: Some(key),
        size: i64::try_from(size_bytes).ok(),
        ..Default::default()
    });
    let contents: Vec<Object> = objects.collect();
    Ok(ListObjectsV2Output {
        key_count: i32::try_from(contents.len()).ok(),
        contents: Some(contents),
        name: Some(bucket),
        is_truncated: Some(is_truncated),
        next_continuation_token,
        ..Default::default()
    })
}

/// Gathers the keys and sizes of the files below `folder`, whose keys begin with `prefix`. What is gone meanwhile is
/// left out.
fn walk(folder: &Path, prefix: &str, found: &mut Vec<(String, u64)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => walk(&entry.path(), &format!("{prefix}{name}/"), found)?,
            Ok(metadata) => found.push((format!("{prefix}{name}"), metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
