//! One person of a load, who does one thing after the other and keeps to what was acknowledged.

use super::history::{Attempt, Deeds, Outcome, Standing};
use crate::{Person, Problem, small_jpeg};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a person waits before they try again what failed.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long a person goes on trying after the load was stopped.
const LAST_TRIES: Duration = Duration::from_secs(20);

/// What people do, in parts of a hundred; reading the feed is what is left.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// Liking and taking it back.
    pub likes: u32,
    /// Following and taking it back.
    pub follows: u32,
    pub comments: u32,
    pub posts: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { likes: 45, follows: 15, comments: 15, posts: 5 }
    }
}

/// A person at work.
pub(super) struct Worker {
    pub number: usize,
    pub people: Arc<Vec<Person>>,
    /// What is liked and commented on.
    pub posts: Arc<Vec<String>>,
    pub mix: Mix,
    /// The mean time between two deeds.
    pub interval: Duration,
    pub random: StdRng,
    pub stop: Arc<AtomicBool>,
    pub deeds: Deeds,
    /// When to give up what fails, once the load was stopped.
    pub give_up_at: Option<Instant>,
}

impl Worker {
    fn me(&self) -> &Person {
        &self.people[self.number]
    }

    /// Works until told to stop; gives what was done.
    pub async fn run(mut self) -> Deeds {
        while !self.stop.load(Ordering::Relaxed) {
            let pause = self.interval.mul_f64(self.random.random_range(0.5..1.5));
            tokio::time::sleep(pause).await;
            let Mix { likes, follows, comments, posts } = self.mix;
            match self.random.random_range(0..100) {
                dice if dice < likes => self.like().await,
                dice if dice < likes + follows => self.follow().await,
                dice if dice < likes + follows + comments => self.comment().await,
                dice if dice < likes + follows + comments + posts => self.post().await,
                _ => self.read().await,
            }
        }
        self.deeds
    }

    /// Makes one attempt and writes it down.
    async fn attempt<Fut>(&mut self, what: &'static str, request: Fut) -> Result<Value, Problem>
    where
        Fut: Future<Output = Result<Value, Problem>>,
    {
        let started = Instant::now();
        let result = request.await;
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(problem) if (400..500).contains(&problem.status) => Outcome::Refused(problem.clone()),
            Err(problem) => Outcome::Unknown(problem.clone()),
        };
        self.deeds.attempts.push(Attempt { person: self.number, what, started, ended: Instant::now(), outcome });
        result
    }

    /// Whether to try again what failed; waits a little before.
    async fn tries_again(&mut self) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            let give_up_at = *self.give_up_at.get_or_insert_with(|| Instant::now() + LAST_TRIES);
            if Instant::now() >= give_up_at {
                return false;
            }
        }
        tokio::time::sleep(RETRY_PAUSE).await;
        true
    }

    /// Likes a post, or takes it back.
    ///
    /// A like that failed may still be on its way when its repetition was acknowledged, so nothing that failed once
    /// is ever undone: what it was is then certain.
    async fn like(&mut self) {
        let post = self.posts[self.random.random_range(0..self.posts.len())].clone();
        let before = self.deeds.likes.get(&post).copied();
        if before == Some(Standing::Either) || self.is_settled(&post) {
            return;
        }
        let likes = before != Some(Standing::Is);
        let path = format!("/v1/posts/{post}/likes");
        let (me, mut failed) = (self.me().clone(), false);
        loop {
            let result = if likes {
                self.attempt("like", me.post_empty(&path)).await
            } else {
                self.attempt("unlike", me.delete(&path)).await
            };
            let standing = match result {
                Ok(_) => standing(likes),
                // The attempt before had its effect.
                Err(problem) if failed && likes && problem.code == "duplicate_like" => Standing::Is,
                Err(problem) if is_final(&problem) => panic!("{likes} {path}: {problem:?}, failed before: {failed}"),
                Err(_) => {
                    failed = true;
                    if self.tries_again().await {
                        continue;
                    }
                    Standing::Either
                }
            };
            if failed {
                self.settle(&post);
            }
            self.deeds.likes.insert(post, standing);
            return;
        }
    }

    /// Follows somebody, or takes it back; see [`Self::like`].
    async fn follow(&mut self) {
        let other = self.random.random_range(0..self.people.len());
        let settled = format!("person {other}");
        let before = self.deeds.follows.get(&other).copied();
        if other == self.number || before == Some(Standing::Either) || self.is_settled(&settled) {
            return;
        }
        let follows = before != Some(Standing::Is);
        let path = format!("/v1/users/{}/follow", self.people[other].id);
        let (me, mut failed) = (self.me().clone(), false);
        loop {
            let result = if follows {
                self.attempt("follow", me.put(&path)).await
            } else {
                self.attempt("unfollow", me.delete(&path)).await
            };
            let standing = match result {
                Ok(_) => standing(follows),
                Err(problem) if is_final(&problem) => panic!("{follows} {path}: {problem:?}"),
                Err(_) => {
                    failed = true;
                    if self.tries_again().await {
                        continue;
                    }
                    Standing::Either
                }
            };
            if failed {
                self.settle(&settled);
            }
            self.deeds.follows.insert(other, standing);
            return;
        }
    }

    /// Comments under one key, until it is acknowledged.
    async fn comment(&mut self) {
        let post = self.posts[self.random.random_range(0..self.posts.len())].clone();
        let text = format!("{} says {}", self.number, self.deeds.comments.len());
        let path = format!("/v1/posts/{post}/comments");
        let (me, key) = (self.me().clone(), text.replace(' ', "-"));
        let standing = loop {
            let request = me.post_once(&path, json!({ "text": text }), &key);
            match self.attempt("comment", request).await {
                Ok(_) => break Standing::Is,
                // 409: the attempt before is still under way.
                Err(problem) if is_final(&problem) && problem.status != 409 => panic!("{path}: {problem:?}"),
                Err(_) if self.tries_again().await => {}
                Err(_) => break Standing::Either,
            }
        };
        self.deeds.comments.insert(text, (post, standing));
    }

    /// Uploads a picture and completes the upload, until that is acknowledged.
    async fn post(&mut self) {
        let (me, bytes) = (self.me().clone(), small_jpeg(self.random.random()));
        let Ok(upload) = self.attempt("upload", me.create_upload("image/jpeg", bytes.len())).await else { return };
        let id = upload["upload_id"].as_str().expect("an id").to_owned();
        loop {
            // The object store is no part of the API: what it does not take is sent again.
            if me.put_object(&upload, bytes.clone()).await.is_success() {
                break;
            }
            if !self.tries_again().await {
                return;
            }
        }
        let path = format!("/v1/uploads/{id}/complete");
        let standing = loop {
            match self.attempt("complete", me.post(&path, json!({ "caption": id }))).await {
                Ok(_) => break Standing::Is,
                Err(problem) if is_final(&problem) => panic!("{path}: {problem:?}"),
                Err(_) if self.tries_again().await => {}
                Err(_) => break Standing::Either,
            }
        };
        self.deeds.uploads.insert(id, standing);
    }

    /// Reads a page of the feed.
    async fn read(&mut self) {
        let me = self.me().clone();
        let _ = self.attempt("feed", me.get("/v1/feed?limit=10")).await;
    }

    fn settle(&mut self, what: &str) {
        self.deeds.settled.insert(what.to_owned());
    }

    fn is_settled(&self, what: &str) -> bool {
        self.deeds.settled.contains(what)
    }
}

/// Whether a refusal will stay one.
fn is_final(problem: &Problem) -> bool {
    (400..500).contains(&problem.status)
}

fn standing(is: bool) -> Standing {
    if is { Standing::Is } else { Standing::IsNot }
}
