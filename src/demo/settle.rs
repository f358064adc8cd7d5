//! Carries a plan out through the API, leaving alone whatever is there already.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cast::Character;
use crate::client::Client;
use crate::paint::paint;
use crate::plan::{Photo, Plan};
use crate::stories::story;
use crate::{DemoError, PASSWORD};

const UPLOADS_AT_ONCE: usize = 4;
const CALLS_AT_ONCE: usize = 8;
/// How long one photo may take from `complete` to its post.
const PROCESSING_TIMEOUT: Duration = Duration::from_secs(180);
const JPEG_QUALITY: u8 = 90;

/// A person who is signed in.
#[derive(Clone)]
pub(crate) struct Resident {
    pub(crate) id: String,
    pub(crate) token: Arc<str>,
}

/// Signs everybody up, or in where they exist already, and completes their profiles.
pub(crate) async fn residents(client: &Client, people: &'static [Character]) -> Result<Vec<Resident>, DemoError> {
    // Indexes, because a closure over references would tie the future to one lifetime and bar it from other threads.
    stream::iter(0..people.len())
        .map(|index| resident(client, &people[index]))
        .buffered(UPLOADS_AT_ONCE)
        .try_collect()
        .await
}

async fn resident(client: &Client, character: &Character) -> Result<Resident, DemoError> {
    let new = json!({
        "username": character.username,
        "password": PASSWORD,
        "display_name": character.display_name,
    });
    let reply = match client.call(Method::POST, "/v1/users", None, Some(&new)).await {
        Err(DemoError::Refused { code, .. }) if code == "username_taken" => {
            let known = json!({ "username": character.username, "password": PASSWORD });
            client.call(Method::POST, "/v1/sessions", None, Some(&known)).await?
        }
        reply => reply?,
    };
    let resident = Resident { id: text(&reply["user"], "id")?, token: text(&reply, "token")?.into() };
    if reply["user"]["bio"].as_str().unwrap_or_default().is_empty() {
        let profile = json!({ "bio": character.bio });
        client.call(Method::PATCH, "/v1/me", Some(&resident.token), Some(&profile)).await?;
    }
    Ok(resident)
}

/// Makes every follow of the plan; those that exist stay.
pub(crate) async fn follow(client: &Client, plan: &Plan, residents: &[Resident]) -> Result<(), DemoError> {
    stream::iter(plan.follows.iter().copied())
        .map(|(follower, followee)| {
            let path = format!("/v1/users/{}/follow", residents[followee].id);
            let token = residents[follower].token.clone();
            async move { client.call(Method::PUT, &path, Some(&token), None).await.map(drop) }
        })
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect()
        .await
}

/// Uploads the photos that are missing. Gives each photo's post, and how many are new.
pub(crate) async fn upload(
    client: &Client,
    plan: &Plan,
    residents: &[Resident],
) -> Result<(Vec<String>, usize), DemoError> {
    let mut posted = Vec::new();
    for resident in residents {
        posted.push(posts_of(client, resident).await?);
    }
    let mut created = 0;
    let mut posts = Vec::with_capacity(plan.photos.len());
    let mut uploads = stream::iter(plan.photos.iter().cloned())
        .map(|photo| {
            let existing = posted[photo.author]
                .iter()
                .find(|(_, caption)| caption == photo.caption)
                .map(|(post_id, _)| post_id.clone());
            let token = residents[photo.author].token.clone();
            async move {
                match existing {
                    Some(post_id) => Ok::<_, DemoError>((post_id, false)),
                    None => Ok((upload_one(client, photo, &token).await?, true)),
                }
            }
        })
        .buffered(UPLOADS_AT_ONCE);
    while let Some((post_id, is_new)) = uploads.try_next().await? {
        posts.push(post_id);
        if is_new {
            created += 1;
            tracing::info!(photos = posts.len(), of = plan.photos.len(), "demo photo posted");
        }
    }
    Ok((posts, created))
}

/// The newest posts of a person as pairs of id and caption; a hundred are more than the demo makes.
pub(crate) async fn posts_of(client: &Client, resident: &Resident) -> Result<Vec<(String, String)>, DemoError> {
    let list = client.get(&format!("/v1/users/{}/posts?limit=100", resident.id), &resident.token).await?;
    items(&list)
        .map(|post| Ok((text(post, "post_id")?, post["caption"].as_str().unwrap_or_default().to_owned())))
        .collect()
}

async fn upload_one(client: &Client, photo: Photo, token: &str) -> Result<String, DemoError> {
    let Photo { scene, seed, width, height, caption, .. } = photo;
    let painted = tokio::task::spawn_blocking(move || {
        let picture = paint(scene, seed, width, height);
        let jpeg = tessera_media::encode_jpeg(&picture.rgb, picture.width, picture.height, JPEG_QUALITY)?;
        Ok::<_, tessera_media::MediaError>((jpeg, picture.mood))
    });
    let (jpeg, mood) = painted.await.map_err(|error| DemoError::unexpected("painting", error.to_string()))??;
    let new = NewPost {
        filename: format!("{scene:?}-{seed:016x}.jpg").to_lowercase(),
        content_type: "image/jpeg",
        bytes: jpeg,
        caption,
        alt_text: format!("{}, {mood}.", story(scene).alt),
    };
    post(client, token, new).await
}

/// A file and its words.
pub(crate) struct NewPost {
    pub(crate) filename: String,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) caption: &'static str,
    pub(crate) alt_text: String,
}

/// Uploads a file and waits until it is a post; gives the post's id.
pub(crate) async fn post(client: &Client, token: &str, new: NewPost) -> Result<String, DemoError> {
    let upload = json!({
        "filename": new.filename,
        "file_size": new.bytes.len(),
        "content_type": new.content_type,
    });
    let upload = client.call(Method::POST, "/v1/uploads", Some(token), Some(&upload)).await?;
    let upload_id = text(&upload, "upload_id")?;
    client.put(&text(&upload, "presigned_url")?, &upload["headers"], new.bytes).await?;
    let words = json!({ "caption": new.caption, "alt_text": new.alt_text });
    let path = format!("/v1/uploads/{upload_id}");
    client.call(Method::POST, &format!("{path}/complete"), Some(token), Some(&words)).await?;
    processed(client, &path, token).await
}

/// Asks until the upload has become a post or has failed.
async fn processed(client: &Client, path: &str, token: &str) -> Result<String, DemoError> {
    let deadline = Instant::now() + PROCESSING_TIMEOUT;
    let mut pause = Duration::from_millis(100);
    loop {
        let upload = client.get(path, token).await?;
        match upload["status"].as_str() {
            Some("completed") => return text(&upload, "post_id"),
            Some("failed") => {
                let reason = upload["error"].as_str().map_or_else(|| upload["error"].to_string(), str::to_owned);
                return Err(DemoError::UploadFailed { reason });
            }
            _ if Instant::now() > deadline => {
                let reason = format!("not processed within {} s", PROCESSING_TIMEOUT.as_secs());
                return Err(DemoError::UploadFailed { reason });
            }
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 3 / 2).min(Duration::from_secs(1));
    }
}

/// Likes and comments; a like or a comment that is there already stays as it is.
pub(crate) async fn engage(
    client: &Client,
    plan: &Plan,
    residents: &[Resident],
    posts: &[String],
) -> Result<(), DemoError> {
    stream::iter(plan.likes.iter().copied())
        .map(|(person, photo)| like(client, residents[person].token.clone(), &posts[photo]))
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect::<()>()
        .await?;
    stream::iter(0..posts.len())
        .map(|photo| comment(client, plan, residents, photo, &posts[photo]))
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect()
        .await
}

async fn like(client: &Client, token: Arc<str>, post_id: &str) -> Result<(), DemoError> {
    let path = format!("/v1/posts/{post_id}/likes");
    match client.call(Method::POST, &path, Some(&token), None).await {
        Err(DemoError::Refused { code, .. }) if code == "duplicate_like" => Ok(()),
        reply => reply.map(drop),
    }
}

/// The planned comments under one photo, in their order.
async fn comment(
    client: &Client,
    plan: &Plan,
    residents: &[Resident],
    photo: usize,
    post_id: &str,
) -> Result<(), DemoError> {
    let path = format!("/v1/posts/{post_id}/comments");
    let mut present: Option<HashSet<(String, String)>> = None;
    for comment in plan.comments.iter().filter(|comment| comment.photo == photo) {
        let token = &residents[comment.author].token;
        if present.is_none() {
            let list = client.get(&format!("{path}?limit=100"), token).await?;
            let said = |item: &Value| {
                let author = item["author"]["id"].as_str().unwrap_or_default();
                (author.to_owned(), item["text"].as_str().unwrap_or_default().to_owned())
            };
            present = Some(items(&list).map(said).collect());
        }
        let mark = (residents[comment.author].id.clone(), comment.text.to_owned());
        if present.as_ref().is_some_and(|said| said.contains(&mark)) {
            continue;
        }
        let body = json!({ "text": comment.text });
        client.call(Method::POST, &path, Some(token), Some(&body)).await?;
    }
    Ok(())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn text(value: &Value, key: &str) -> Result<String, DemoError> {
    value[key]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| DemoError::unexpected("a reply", format!("`{key}` is missing or no string")))
}
