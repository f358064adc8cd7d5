//! A small living world for `tessera demo`: a dozen invented people, their photos, follows, likes and comments.
//!
//! [`populate`] makes it through the public HTTP API alone, as any client would, so that the demo is also a test of
//! that API:
//!
//! ```text
//! sign up or in → follow → paint, upload, wait for the post → like → comment → film
//! ```
//!
//! The pictures are painted by program from a seed ([`paint`]); nothing is downloaded.

mod cast;
mod client;
mod films;
pub mod paint;
mod plan;
mod random;
mod settle;
mod stories;

use serde::Serialize;

/// The password that all people of the demo share.
pub const PASSWORD: &str = "tessera-demo";

/// What world to make, and where.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where the API is served, such as `http://127.0.0.1:8080`. Plain HTTP only.
    pub base_url: String,
    /// Decides the pictures, the follows, the likes and the comments.
    pub seed: u64,
    /// How many people, 12 at most.
    pub people: usize,
    /// How many photos each of them posts, 30 at most.
    pub photos_per_person: usize,
}

impl DemoOptions {
    /// The usual world: twelve people with five photos each.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), seed: 1, people: 12, photos_per_person: 5 }
    }
}

/// A world that stands. As JSON it is what the page reads from `/demo/people.json`: `{people, password}`.
#[derive(Clone, Debug, Serialize)]
pub struct World {
    pub people: Vec<Person>,
    /// The password that all of them share.
    pub password: String,
    /// How many photos the world has.
    #[serde(skip)]
    pub posts: usize,
    /// How many videos it has beside them: none where the machine has no `ffmpeg`.
    #[serde(skip)]
    pub videos: usize,
    /// How many of those this run added; zero where the world was there already.
    #[serde(skip)]
    pub posts_created: usize,
}

/// One of the world's people.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// The name to sign in with.
    pub username: String,
    /// The name as shown.
    pub display_name: String,
    /// A line about them.
    pub bio: String,
}

/// Why the world could not be made. What was made so far stays, and the next run completes it.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The API did not answer, after several attempts.
    #[error("{call}: no answer")]
    Unreachable { call: String, source: reqwest::Error },
    /// The API answered with a problem.
    #[error("{call}: {status} {code}: {detail}")]
    Refused {
        call: String,
        status: u16,
        /// The problem's stable code, empty where the answer was no problem document.
        code: String,
        detail: String,
    },
    /// The API answered something that its contract does not allow.
    #[error("{call}: {detail}")]
    Unexpected {
        call: String,
        /// What is wrong with the answer.
        detail: String,
    },
    /// A photo was not made into a post.
    #[error("a photo was not processed: {reason}")]
    UploadFailed {
        /// The reason that the API gave.
        reason: String,
    },
    /// A picture could not be encoded.
    #[error("a picture could not be encoded")]
    Encoding(#[from] tessera_media::MediaError),
}

impl DemoError {
    fn unreachable(call: &str, source: reqwest::Error) -> Self {
        Self::Unreachable { call: call.to_owned(), source }
    }

    fn unexpected(call: &str, detail: String) -> Self {
        Self::Unexpected { call: call.to_owned(), detail }
    }
}

/// Makes the world, or completes it: run again, it signs in, and adds only what is missing (people by username, photos
/// by author and caption). Bounded: four uploads and eight other calls at once, each with a timeout and a limited
/// number of retries.
///
/// # Errors
/// The first failure ends the run; see [`DemoError`]. That there is no `ffmpeg` is none.
pub async fn populate(options: DemoOptions) -> Result<World, DemoError> {
    let client = client::Client::new(&options.base_url)?;
    let plan = plan::Plan::new(options.seed, options.people, options.photos_per_person.min(30));
    let residents = settle::residents(&client, plan.people).await?;
    settle::follow(&client, &plan, &residents).await?;
    let (posts, posts_created) = settle::upload(&client, &plan, &residents).await?;
    // Last, so that the videos stand on top of everybody's feed.
    settle::engage(&client, &plan, &residents, &posts).await?;
    let (videos, videos_created) = films::show(&client, &plan, options.seed, &residents).await?;
    let posts_created = posts_created + videos_created;
    Ok(World { people: people(&options), password: PASSWORD.to_owned(), posts: posts.len(), videos, posts_created })
}

/// The people that [`populate`] makes with these options, known before it has run, so that the page can name them at
/// once.
#[must_use]
pub fn people(options: &DemoOptions) -> Vec<Person> {
    cast::CAST
        .iter()
        .take(options.people)
        .map(|character| Person {
            username: character.username.to_owned(),
            display_name: character.display_name.to_owned(),
            bio: character.bio.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_serialises_as_the_page_expects() {
        let options = DemoOptions::new("http://127.0.0.1:1");
        let world =
            World { people: people(&options), password: PASSWORD.to_owned(), posts: 3, videos: 0, posts_created: 0 };
        let json = serde_json::to_value(&world).expect("plain data");
        let mut keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        keys.sort();
        assert_eq!(keys, ["password", "people"]);
        assert_eq!(json["people"].as_array().map(Vec::len), Some(12));
    }

    #[test]
    fn populate_can_run_on_any_thread() {
        fn assert_send(_: impl Send) {}
        assert_send(populate(DemoOptions::new("http://127.0.0.1:1")));
    }
}
