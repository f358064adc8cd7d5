//! Find accounts and hashtags by what was typed.

use super::Search;
use crate::{AppResult, accounts::Profile};
use std::{collections::HashMap, time::Duration};
use tessera_actors::Deadline;
use tessera_domain::{Invalid, UserId, text};
use tessera_ports::ledger::HashtagRow;

/// Longest search, in characters.
const MAX_QUERY_CHARS: usize = 100;
/// Words that count; further ones do not narrow a search any more.
const MAX_QUERY_WORDS: usize = 6;
/// How long the order of what trends may take; without it the order is by posts.
const TRENDING_TIMEOUT: Duration = Duration::from_millis(200);
/// Trending hashtags that are preferred.
const TRENDING_HASHTAGS: usize = 1_000;

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    pub users: Vec<Profile>,
    pub hashtags: Vec<HashtagRow>,
}

impl Search {
    /// Accounts whose names have words that begin as the query's words do (whole words first, then by followers), and
    /// hashtags that begin as the query does (those that trend first, then by posts); at most `limit` of each.
    /// A query that begins with `@` finds accounts alone, one with `#` hashtags alone. Accounts that were deleted or
    /// are blocked either way are left out.
    ///
    /// # Errors
    /// [`crate::AppError::Invalid`] for an empty query or one that is too long.
    pub async fn search(&self, viewer: UserId, query: &str, limit: usize) -> AppResult<Found> {
        let query = text::clean("q", query, MAX_QUERY_CHARS)?.to_lowercase();
        if query.is_empty() {
            return Err(Invalid::new("q", "must not be empty").into());
        }
        let users = async {
            match query.strip_prefix('#') {
                Some(_) => Ok(Vec::new()),
                None => self.search_users(viewer, query.trim_start_matches('@'), limit).await,
            }
        };
        let hashtags = async {
            let tag = query.trim_start_matches('#');
            let hashtag = text::hashtag(tag).is_ok() || (!tag.is_empty() && tag.chars().all(char::is_numeric));
            if hashtag { self.search_hashtags(tag, limit).await } else { Ok(Vec::new()) }
        };
        let (users, hashtags) = tokio::try_join!(users, hashtags)?;
        Ok(Found { users, hashtags })
    }

    async fn search_users(&self, viewer: UserId, query: &str, limit: usize) -> AppResult<Vec<Profile>> {
        // A user name with its full stops and underscores is a word of its own; a longer first word means fewer rows.
        let is_name = query.contains(['.', '_']) && !query.contains(char::is_whitespace);
        let mut words = if is_name { vec![query.to_owned()] } else { text::words(query) };
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.truncate(MAX_QUERY_WORDS);
        // Some of them may be hidden from the viewer.
        let ids = self.ledger.search_users(&words, limit + limit / 2 + 10).await?;
        let mut profiles = self.accounts.profiles(viewer, &ids).await?;
        profiles.truncate(limit);
        Ok(profiles)
    }

    async fn search_hashtags(&self, prefix: &str, limit: usize) -> AppResult<Vec<HashtagRow>> {
        let trending = self.popular.trending(TRENDING_HASHTAGS, Deadline::after(TRENDING_TIMEOUT));
        let (rows, trending) = tokio::join!(self.ledger.search_hashtags(prefix, limit), trending);
        let mut rows = rows?;
        let trending = trending.unwrap_or_default();
        let places: HashMap<&str, usize> =
            trending.iter().enumerate().map(|(place, (tag, _))| (&**tag, place)).collect();
        rows.sort_by_key(|row| {
            (places.get(row.tag.as_str()).copied().unwrap_or(usize::MAX), usize::MAX - row.post_count)
        });
        Ok(rows)
    }
}
