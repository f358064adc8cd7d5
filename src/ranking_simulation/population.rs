//! Who there is: interests, styles, authors, and who follows whom.

use std::collections::HashSet;
use tessera_domain::hash::SeededRandom;

/// What posts can be about.
pub(super) const TOPICS: usize = 16;
/// Numbers that a style has.
pub(super) const STYLE: usize = 8;
/// One in so many people posts.
const ONE_IN_POSTS: usize = 8;

/// A direction of length 1.
pub(super) type Style = [f32; STYLE];

pub(super) struct Person {
    /// By topic, the strongest 1.
    pub interests: [f64; TOPICS],
    pub taste: Style,
    /// Added to the log-odds of every engagement.
    pub mood: f64,
    sessions_per_day: f64,
    favourite_hour: usize,
    pub account_days: f64,
    pub follows: Vec<usize>,
    pub follows_set: HashSet<usize>,
    pub followed_tags: HashSet<u32>,
    pub followers: usize,
    pub author: Option<Author>,
}

pub(super) struct Author {
    pub topics: [usize; 2],
    pub style: Style,
    pub quality: f64,
    pub posts_per_day: f64,
    pub video_share: f64,
}

impl Person {
    /// The chance to come in the given hour of a day.
    pub fn chance_to_come(&self, hour: usize) -> f64 {
        let distance = (hour + 24 - self.favourite_hour) % 24;
        let distance = distance.min(24 - distance) as f64;
        // The weights of a day add up to about 1.
        self.sessions_per_day * (0.12 * (-distance * distance / 18.0).exp() + 0.005)
    }
}

pub(super) struct Population {
    /// The id of the first person.
    pub first_user_id: u64,
    pub people: Vec<Person>,
    pub authors: Vec<usize>,
}

impl Population {
    pub fn new(count: usize, first_user_id: u64, random: &mut SeededRandom) -> Self {
        let topic_styles: Vec<Style> = (0..TOPICS).map(|_| style(random)).collect();
        let mut people: Vec<Person> = (0..count).map(|index| person(index, &topic_styles, random)).collect();
        let authors: Vec<usize> = (0..count).filter(|index| people[*index].author.is_some()).collect();
        for reader in 0..count {
            let wanted = 3 + (random.next_f64() * 25.0) as usize;
            for _ in 0..wanted * 6 {
                let author = pick(&authors, random);
                if author == reader || people[reader].follows.len() >= wanted {
                    continue;
                }
                let chance = people[author].author.as_ref().map_or(0.0, |work| {
                    let liking = work.topics.map(|topic| people[reader].interests[topic]).iter().sum::<f64>() / 2.0;
                    (0.05 + liking) * (0.15 + work.quality.exp() / 6.0)
                });
                if random.next_f64() < chance && people[reader].follows_set.insert(author) {
                    people[reader].follows.push(author);
                    people[author].followers += 1;
                }
            }
        }
        Self { first_user_id, people, authors }
    }
}

fn person(index: usize, topic_styles: &[Style], random: &mut SeededRandom) -> Person {
    let mut interests = [0.05; TOPICS];
    let favourites: Vec<usize> = (0..3).map(|_| below(TOPICS, random)).collect();
    for (topic, strength) in favourites.iter().zip([1.0, 0.8, 0.5]) {
        interests[*topic] = f64::max(interests[*topic], strength);
    }
    let taste = blend(&topic_styles[favourites[0]], &style(random), 0.8);
    let mut followed_tags = HashSet::new();
    for topic in &favourites {
        if random.next_f64() < 0.4 {
            followed_tags.insert(tag(*topic, random));
        }
    }
    let author = index.is_multiple_of(ONE_IN_POSTS).then(|| {
        let topics = [favourites[0], favourites[1]];
        Author {
            topics,
            style: blend(&topic_styles[topics[0]], &style(random), 0.9),
            quality: 0.8 * normal(random),
            posts_per_day: 0.3 + 3.0 * random.next_f64().powi(2),
            video_share: 0.3 * random.next_f64(),
        }
    });
    Person {
        interests,
        taste,
        mood: 0.6 * normal(random),
        sessions_per_day: 0.2 + 2.0 * random.next_f64().powi(2),
        favourite_hour: below(24, random),
        account_days: 1.0 + 600.0 * random.next_f64(),
        follows: Vec::new(),
        follows_set: HashSet::new(),
        followed_tags,
        followers: 0,
        author,
    }
}

/// One of the hashtags of a topic; the first ones are the commonest.
pub(super) fn tag(topic: usize, random: &mut SeededRandom) -> u32 {
    (topic * 8) as u32 + (random.next_f64().powi(2) * 8.0) as u32
}

/// A number below `count`, each as likely.
pub(super) fn below(count: usize, random: &mut SeededRandom) -> usize {
    (random.next_f64() * count as f64) as usize
}

/// One of `items`, each as likely.
pub(super) fn pick(items: &[usize], random: &mut SeededRandom) -> usize {
    items[below(items.len(), random)]
}

/// A number of the normal distribution (Box and Muller, 1958).
pub(super) fn normal(random: &mut SeededRandom) -> f64 {
    let radius = (-2.0 * (1.0 - random.next_f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.next_f64()).cos()
}

/// The first direction, moved by `share` of the second.
pub(super) fn blend(one: &Style, other: &Style, share: f32) -> Style {
    unit(std::array::from_fn(|index| one[index] + share * other[index]))
}

/// A direction, each as likely.
pub(super) fn style(random: &mut SeededRandom) -> Style {
    unit(std::array::from_fn(|_| normal(random) as f32))
}

/// The cosine of two directions.
pub(super) fn cosine(one: &Style, other: &Style) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn unit(numbers: Style) -> Style {
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt().max(1e-6);
    numbers.map(|number| number / length)
}
