//! What the world will look like, decided from the seed alone: photos, follows, likes and comments. No I/O.

use std::collections::HashSet;

use crate::cast::{CAST, Character};
use crate::paint::{PALETTE_PERIOD, Scene};
use crate::random::Random;
use crate::stories::{COMMENTS, story};

/// One photo to be taken.
#[derive(Clone, Debug)]
pub(crate) struct Photo {
    pub(crate) author: usize,
    pub(crate) scene: Scene,
    pub(crate) seed: u64,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Differs between the photos of one author, so that it tells them apart.
    pub(crate) caption: &'static str,
}

/// One comment to be written.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) photo: usize,
    pub(crate) author: usize,
    pub(crate) text: &'static str,
}

/// The whole world; people are indexes into the cast, photos into `photos`.
pub(crate) struct Plan {
    pub(crate) people: &'static [Character],
    /// In the order in which they are posted.
    pub(crate) photos: Vec<Photo>,
    pub(crate) follows: Vec<(usize, usize)>,
    /// Who likes, then which photo.
    pub(crate) likes: Vec<(usize, usize)>,
    pub(crate) comments: Vec<Comment>,
}

/// Sides of the photos in pixels: landscape, portrait and square, as cameras and people make them.
const SIZES: [(u32, u32); 7] =
    [(1440, 1080), (1080, 1350), (1200, 900), (1200, 1200), (1440, 960), (1080, 1440), (1440, 810)];

impl Plan {
    pub(crate) fn new(seed: u64, people: usize, photos_per_person: usize) -> Self {
        let people = &CAST[..people.min(CAST.len())];
        let photos = photos(seed, people, photos_per_person);
        let follows = follows(seed, people);
        let likes = likes(seed, people, &photos, &follows);
        let comments = comments(seed, &photos, &likes);
        Self { people, photos, follows, likes, comments }
    }
}

fn photos(seed: u64, people: &[Character], photos_per_person: usize) -> Vec<Photo> {
    let mut order = Random::for_part(seed, "order");
    let mut photos: Vec<Photo> = Vec::new();
    for round in 0..photos_per_person {
        let mut turn: Vec<usize> = (0..people.len()).collect();
        order.shuffle(&mut turn);
        for author in turn {
            let character = &people[author];
            let mut random = Random::for_part(seed, &format!("photo {} {round}", character.username));
            let scene = character.scenes[round % character.scenes.len()];
            let captions = story(scene).captions;
            let used: Vec<&str> =
                photos.iter().filter(|photo| photo.scene == scene).map(|photo| photo.caption).collect();
            let own: Vec<&str> =
                photos.iter().filter(|photo| photo.author == author).map(|photo| photo.caption).collect();
            // The caption that the fewest people have used and that this one has not.
            let Some(caption) = captions
                .iter()
                .filter(|caption| !own.contains(caption))
                .min_by_key(|caption| used.iter().filter(|other| other == caption).count())
            else {
                continue;
            };
            let (width, height) = *random.pick(&SIZES);
            // Seeds in a row have different palettes, so the pictures of one scene take turns.
            let turn_of_scene = used.len() as u64 % PALETTE_PERIOD;
            let seed = (random.next_u64() >> 1) / PALETTE_PERIOD * PALETTE_PERIOD + turn_of_scene;
            photos.push(Photo { author, scene, seed, width, height, caption });
        }
    }
    photos
}

/// Few are followed by nearly everybody, most by some; shared tastes and follow-backs make circles of friends.
fn follows(seed: u64, people: &[Character]) -> Vec<(usize, usize)> {
    let mut random = Random::for_part(seed, "follows");
    let mut follows = Vec::new();
    for (follower, from) in people.iter().enumerate() {
        for (followee, to) in people.iter().enumerate() {
            let shared = from.scenes[..3].iter().filter(|scene| to.scenes[..3].contains(scene)).count();
            let back = follows.contains(&(followee, follower));
            let wish = 0.7 * to.renown * to.renown + 0.16 * shared as f32 + if back { 0.2 } else { 0.0 };
            if follower != followee && random.chance(wish.min(0.9)) {
                follows.push((follower, followee));
            }
        }
        // Everybody has a feed: who would follow nobody follows the next one.
        if people.len() > 1 && !follows.iter().any(|&(other, _)| other == follower) {
            follows.push((follower, (follower + 1) % people.len()));
        }
    }
    follows
}

fn likes(seed: u64, people: &[Character], photos: &[Photo], follows: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut random = Random::for_part(seed, "likes");
    let followed: HashSet<(usize, usize)> = follows.iter().copied().collect();
    let mut likes = Vec::new();
    for (index, photo) in photos.iter().enumerate() {
        // Some pictures are liked by all, most by a few.
        let appeal = 0.25 + 0.75 * random.unit() * random.unit().sqrt();
        for (person, character) in people.iter().enumerate() {
            let near = if followed.contains(&(person, photo.author)) { 1.0 } else { 0.3 };
            let taste = if character.scenes.contains(&photo.scene) { 1.25 } else { 0.85 };
            let renown = 0.6 + 0.5 * people[photo.author].renown;
            if person != photo.author && random.chance((appeal * near * taste * renown).min(0.95)) {
                likes.push((person, index));
            }
        }
    }
    likes
}

/// Those who liked a photo sometimes say so.
fn comments(seed: u64, photos: &[Photo], likes: &[(usize, usize)]) -> Vec<Comment> {
    let mut random = Random::for_part(seed, "comments");
    let mut comments: Vec<Comment> = Vec::new();
    for &(author, photo) in likes {
        if !random.chance(0.26) {
            continue;
        }
        let own = story(photos[photo].scene).comments;
        let text = if random.chance(0.4) { *random.pick(own) } else { *random.pick(&COMMENTS) };
        if !comments.iter().any(|other| other.photo == photo && other.text == text) {
            comments.push(Comment { photo, author, text });
        }
    }
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_world() {
        let (first, second) = (Plan::new(7, 12, 5), Plan::new(7, 12, 5));
        assert_eq!(first.follows, second.follows);
        assert_eq!(first.likes, second.likes);
        assert_ne!(first.likes, Plan::new(8, 12, 5).likes);
    }

    #[test]
    fn the_world_is_whole_and_plausible() {
        let plan = Plan::new(1, 12, 5);
        assert_eq!(plan.photos.len(), 60);
        for author in 0..12 {
            let captions: HashSet<_> =
                plan.photos.iter().filter(|photo| photo.author == author).map(|photo| photo.caption).collect();
            assert_eq!(captions.len(), 5, "captions tell a person's photos apart");
            assert!(plan.follows.iter().any(|&(follower, _)| follower == author));
            assert!(
                plan.follows.iter().filter(|&&(follower, _)| follower == author).count() < 11,
                "somebody is left to recommend"
            );
        }
        assert!(plan.follows.iter().all(|(follower, followee)| follower != followee));
        assert!(plan.likes.iter().all(|&(person, photo)| plan.photos[photo].author != person));
        assert!((100..600).contains(&plan.likes.len()));
        assert!((20..200).contains(&plan.comments.len()));
    }

    #[test]
    fn any_number_of_people_and_photos_gives_a_world() {
        for (people, photos) in [(0, 5), (1, 1), (2, 0), (12, 40), (99, 2)] {
            let plan = Plan::new(3, people, photos);
            assert!(plan.people.len() <= CAST.len());
            assert!(plan.photos.len() <= plan.people.len() * photos);
        }
    }
}
