//! A session: a list is gathered, shown and logged, and engaged with.

use super::{
    SimulationSettings,
    population::{below, cosine, normal},
    world::World,
};
use std::collections::{BTreeMap, HashMap};
use tessera_domain::{
    Timestamp, UserId,
    features::{CandidateFacts, FEATURE_SET_VERSION, FeatureRow, ViewerFacts},
    feed::SourceKind,
    hash::SeededRandom,
    impression::{Engagement, EngagementKind, Impression, LogRecord},
    recommendation::CandidateSources,
    time::{DAY_MS, HOUR_MS, SECOND_MS},
};

/// Likes whose pictures are compared.
const COMPARED_LIKES: usize = 10;
/// Older posts are not shown.
const OLDEST_SHOWN_MS: i64 = 4 * DAY_MS;

/// A post that may be shown.
#[derive(Clone, Copy, Default)]
struct Found {
    sources: CandidateSources,
    co_likes: f64,
}

/// Shows `viewer` a list at `at` and gives what the product would have logged: impressions, then engagements.
pub(super) fn hold(
    world: &mut World,
    viewer: usize,
    at: Timestamp,
    settings: &SimulationSettings,
    random: &mut SeededRandom,
) -> Vec<LogRecord> {
    let found = gather(world, viewer, at, random);
    let list = arrange(world, viewer, at, &found, settings, random);
    let rows = describe(world, viewer, at, &list, &found);
    let list_id = world.histories[viewer].sessions;
    world.histories[viewer].sessions += 1;
    let mut records = Vec::with_capacity(list.len() + 4);
    for (position, (post, row)) in list.iter().zip(&rows).enumerate() {
        let is_followed = world.population.people[viewer].follows_set.contains(&world.posts[*post].author);
        records.push(LogRecord::Impression(Impression {
            list_id,
            viewer_id: user_id(world, viewer),
            post_id: world.posts[*post].id,
            position: position as u32,
            source: if is_followed { SourceKind::Following } else { SourceKind::Recommended },
            at,
            feature_set: FEATURE_SET_VERSION,
            features: row.to_logged(),
        }));
        world.histories[viewer].shown.insert(*post);
    }
    for (position, post) in list.into_iter().enumerate() {
        let looks = random.next_f64() < 1.0 / (1.0 + 0.12 * position as f64);
        if looks && random.next_f64() < chance_to_engage(world, viewer, post, at) {
            let at = at.plus_ms((1 + position as i64) * 3 * SECOND_MS);
            records.push(engagement(world, viewer, post, EngagementKind::Like, at));
            world.like(viewer, post, at);
            if random.next_f64() < 0.1 {
                records.push(engagement(world, viewer, post, EngagementKind::Comment, at.plus_ms(SECOND_MS)));
                world.posts[post].comments += 1;
            }
        }
    }
    records
}

/// What nobody logs: how likely the viewer engages with a post that they look at.
fn chance_to_engage(world: &World, viewer: usize, post: usize, at: Timestamp) -> f64 {
    let (person, post) = (&world.population.people[viewer], &world.posts[post]);
    let age_hours = at.since_ms(post.id.created_at()) as f64 / HOUR_MS as f64;
    let knows = f64::from(u8::from(person.follows_set.contains(&post.author)));
    let log_odds = -3.9
        + 2.4 * person.interests[post.topic]
        + 0.7 * post.quality
        + 1.0 * f64::from(cosine(&person.taste, &post.style))
        + 0.6 * knows
        + 0.15 * f64::from(u8::from(post.is_video))
        - 0.25 * (1.0 + age_hours / 6.0).ln()
        + person.mood;
    1.0 / (1.0 + (-log_odds).exp())
}

/// The four sources of recommendations, and newest posts of those followed; in the order of posts.
fn gather(world: &World, viewer: usize, at: Timestamp, random: &mut SeededRandom) -> BTreeMap<usize, Found> {
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    let mut add = |post: usize, sources: CandidateSources, co_likes: f64| {
        let entry = found.entry(post).or_default();
        entry.sources |= sources;
        entry.co_likes += co_likes;
    };
    for (post, _) in world.popular.top(40, at) {
        add(post, CandidateSources::POPULAR, 0.0);
    }
    for (other, likeness) in world.similar_people(viewer) {
        let posted = world.posts_of[other].iter().rev().take(3);
        for post in world.histories[other].likes.iter().take(6).chain(posted) {
            add(*post, CandidateSources::SIMILAR_USERS, likeness);
        }
    }
    let person = &world.population.people[viewer];
    let trending: Vec<u32> = world.trending.top(12, at).into_iter().map(|(tag, _)| tag).collect();
    let is_wanted = |tag: &u32| trending.contains(tag) || person.followed_tags.contains(tag);
    for post in world.recent.iter().rev().filter(|post| world.posts[**post].tags.iter().any(is_wanted)).take(15) {
        add(*post, CandidateSources::TRENDING, 0.0);
    }
    let mut alike: Vec<(usize, f32)> =
        world.recent.iter().map(|post| (*post, visual_similarity(world, viewer, *post).unwrap_or(-1.0))).collect();
    alike.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (post, _) in alike.into_iter().take(15).filter(|(_, similarity)| *similarity > 0.0) {
        add(post, CandidateSources::VISUAL, 0.0);
    }
    for author in &person.follows {
        world.posts_of[*author].iter().rev().take(2).for_each(|post| add(*post, CandidateSources::default(), 0.0));
    }
    for _ in 0..5.min(world.recent.len()) {
        add(world.recent[below(world.recent.len(), random)], CandidateSources::default(), 0.0);
    }
    found.retain(|post, _| {
        let post_at = world.posts[*post].id.created_at();
        world.posts[*post].author != viewer
            && !world.histories[viewer].shown.contains(post)
            && at.since_ms(post_at) < OLDEST_SHOWN_MS
    });
    found
}

/// The list in the order that it is shown: by popularity with much noise, those followed first by a little.
fn arrange(
    world: &World,
    viewer: usize,
    at: Timestamp,
    found: &BTreeMap<usize, Found>,
    settings: &SimulationSettings,
    random: &mut SeededRandom,
) -> Vec<usize> {
    let mut scored: Vec<(usize, f64)> = found
        .keys()
        .map(|post| {
            let knows = world.population.people[viewer].follows_set.contains(&world.posts[*post].author);
            let bonus = if knows { 0.5 } else { 0.0 };
            (*post, 0.5 * world.popular.score(post, at).ln_1p() + bonus + normal(random))
        })
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    scored.truncate(settings.list_length);
    let mut list: Vec<usize> = scored.into_iter().map(|(post, _)| post).collect();
    if random.next_f64() < settings.shuffled_share {
        // Fisher and Yates.
        (1..list.len()).rev().for_each(|last| list.swap(last, below(last + 1, random)));
    }
    list
}

/// What the product knows of each post of a list at that moment, before anything of the list is engaged with.
fn describe(
    world: &World,
    viewer: usize,
    at: Timestamp,
    list: &[usize],
    found: &BTreeMap<usize, Found>,
) -> Vec<FeatureRow> {
    let (person, likes) = (&world.population.people[viewer], &world.histories[viewer].likes);
    let viewer_facts = ViewerFacts {
        at,
        recent_likes: Some(likes.len() as u32),
        following: Some(person.follows.len() as u64),
        followers: Some(person.followers as u64),
        since: Some(super::FIRST_DAY.plus_ms((-person.account_days * DAY_MS as f64) as i64)),
    };
    let mut tag_likes: HashMap<u32, f64> = HashMap::new();
    let mut author_likes: HashMap<usize, u32> = HashMap::new();
    for post in likes {
        *author_likes.entry(world.posts[*post].author).or_insert(0) += 1;
        world.posts[*post].tags.iter().for_each(|tag| *tag_likes.entry(*tag).or_insert(0.0) += 1.0);
    }
    let describe_one = |number: &usize| {
        let post = &world.posts[*number];
        let author = &world.population.people[post.author];
        let Found { sources, co_likes } = found.get(number).copied().unwrap_or_default();
        let tag_share: f64 = post.tags.iter().filter_map(|tag| tag_likes.get(tag)).sum();
        let facts = CandidateFacts {
            likes: Some(post.likes),
            comments: Some(post.comments),
            recent_likes: Some(world.popular.score(number, at)),
            author_followers: Some(author.followers as u64),
            is_video: Some(post.is_video),
            is_animated: Some(false),
            has_caption: Some(post.has_caption),
            hashtags: Some(post.tags.len() as u32),
            follows_author: Some(person.follows_set.contains(&post.author)),
            followed_by_author: Some(author.follows_set.contains(&viewer)),
            author_likes: Some(author_likes.get(&post.author).copied().unwrap_or(0)),
            hashtag_affinity: (!likes.is_empty()).then(|| tag_share / likes.len() as f64),
            follows_hashtag: Some(post.tags.iter().any(|tag| person.followed_tags.contains(tag))),
            visual_similarity: visual_similarity(world, viewer, *number),
            co_like_strength: Some(co_likes),
            ..CandidateFacts::new(post.id, user_id(world, post.author), sources)
        };
        FeatureRow::new(&viewer_facts, &facts)
    };
    list.iter().map(describe_one).collect()
}

fn visual_similarity(world: &World, viewer: usize, post: usize) -> Option<f32> {
    let liked = world.histories[viewer].likes.iter().take(COMPARED_LIKES);
    let seen = &world.posts[post].seen_style;
    liked.map(|liked| cosine(&world.posts[*liked].seen_style, seen)).max_by(f32::total_cmp)
}

fn engagement(world: &World, viewer: usize, post: usize, kind: EngagementKind, at: Timestamp) -> LogRecord {
    LogRecord::Engagement(Engagement { viewer_id: user_id(world, viewer), post_id: world.posts[post].id, kind, at })
}

fn user_id(world: &World, person: usize) -> UserId {
    UserId(world.population.first_user_id + person as u64)
}
