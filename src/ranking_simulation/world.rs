//! What there is at a moment: posts, their counts, windows of what is popular, what everybody liked.

use super::population::{Population, Style, blend, normal, style, tag};
use std::collections::{HashMap, HashSet, VecDeque};
use tessera_domain::{PostId, Timestamp, decayed_window::DecayedWindow, hash::SeededRandom, time::HOUR_MS};

/// Likes that are remembered of a person, as the recommender does.
pub(super) const RECENT_LIKES: usize = 100;
/// Those who liked a post last that are remembered.
const LAST_LIKERS: usize = 50;
/// Posts that are recent enough to be found by their looks or hashtags.
const RECENT_POSTS: usize = 600;
/// Half-life of what is popular, as the product's.
const HALF_LIFE_MS: i64 = 6 * HOUR_MS;
/// Similar people that are asked.
const SIMILAR_PEOPLE: usize = 15;

pub(super) struct Post {
    pub id: PostId,
    pub author: usize,
    pub topic: usize,
    /// What it looks like.
    pub style: Style,
    /// What the embedding sees of that.
    pub seen_style: Style,
    pub quality: f64,
    pub tags: Vec<u32>,
    pub is_video: bool,
    pub has_caption: bool,
    pub likes: u64,
    pub comments: u64,
    pub last_likers: VecDeque<usize>,
}

/// What somebody did so far.
#[derive(Default)]
pub(super) struct History {
    pub likes: VecDeque<usize>,
    pub shown: HashSet<usize>,
    pub sessions: u64,
}

pub(super) struct World {
    pub population: Population,
    pub posts: Vec<Post>,
    pub histories: Vec<History>,
    /// Posts of each person, oldest first.
    pub posts_of: Vec<Vec<usize>>,
    pub recent: VecDeque<usize>,
    pub popular: DecayedWindow<usize>,
    pub trending: DecayedWindow<u32>,
}

impl World {
    pub fn new(population: Population) -> Self {
        let people = population.people.len();
        Self {
            population,
            posts: Vec::new(),
            histories: (0..people).map(|_| History::default()).collect(),
            posts_of: vec![Vec::new(); people],
            recent: VecDeque::new(),
            popular: DecayedWindow::new(HALF_LIFE_MS, 10_000),
            trending: DecayedWindow::new(HALF_LIFE_MS, 10_000),
        }
    }

    /// Everybody who posts may post in the hour before `now`, so that nothing is shown before it was made.
    pub fn post_for_an_hour(&mut self, now: Timestamp, random: &mut SeededRandom) {
        for index in 0..self.population.authors.len() {
            let author = self.population.authors[index];
            let Some(work) = self.population.people[author].author.as_ref() else { continue };
            if random.next_f64() >= work.posts_per_day / 24.0 {
                continue;
            }
            let topic = work.topics[usize::from(random.next_f64() < 0.3)];
            let tag_count = (random.next_f64() * 4.0) as usize;
            let mut tags: Vec<u32> = (0..tag_count).map(|_| tag(topic, random)).collect();
            tags.sort_unstable();
            tags.dedup();
            let looks = blend(&work.style, &style(random), 0.5);
            let made_at = now.plus_ms(-((random.next_f64() * HOUR_MS as f64) as i64));
            let post = Post {
                // The sequence keeps ids of the same millisecond apart.
                id: PostId(PostId::first_at(made_at).0 + self.posts.len() as u64 % 4_096),
                author,
                topic,
                style: looks,
                seen_style: blend(&looks, &style(random), 0.4),
                quality: work.quality + 0.7 * normal(random),
                tags,
                is_video: random.next_f64() < work.video_share,
                has_caption: random.next_f64() < 0.7,
                likes: 0,
                comments: 0,
                last_likers: VecDeque::new(),
            };
            let number = self.posts.len();
            for tag in &post.tags {
                self.trending.add(*tag, 1.0, made_at);
            }
            self.posts_of[author].push(number);
            self.posts.push(post);
            self.recent.push_back(number);
            if self.recent.len() > RECENT_POSTS {
                self.recent.pop_front();
            }
        }
    }

    /// Takes note of a like.
    pub fn like(&mut self, person: usize, post: usize, at: Timestamp) {
        self.posts[post].likes += 1;
        self.posts[post].last_likers.push_front(person);
        self.posts[post].last_likers.truncate(LAST_LIKERS);
        self.histories[person].likes.push_front(post);
        self.histories[person].likes.truncate(RECENT_LIKES);
        self.popular.add(post, 1.0, at);
        for tag in &self.posts[post].tags {
            self.trending.add(*tag, 0.3, at);
        }
    }

    /// Who likes the same, and how much: the most alike 1, as the product's recommender has it (Adamic and Adar, 2003).
    pub fn similar_people(&self, person: usize) -> Vec<(usize, f64)> {
        let mut alike: HashMap<usize, f64> = HashMap::new();
        for post in &self.histories[person].likes {
            let likers = &self.posts[*post].last_likers;
            let weight = 1.0 / (1.0 + likers.len() as f64).ln().max(1.0);
            for other in likers.iter().filter(|other| **other != person) {
                *alike.entry(*other).or_insert(0.0) += weight;
            }
        }
        let mut all: Vec<(usize, f64)> = alike.into_iter().collect();
        all.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(SIMILAR_PEOPLE);
        let most = all.first().map_or(1.0, |one| one.1);
        all.into_iter().map(|(other, weight)| (other, weight / most)).collect()
    }
}
