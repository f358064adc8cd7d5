//! The people of the demo world. All of them are invented.

use crate::paint::Scene;
use crate::paint::Scene::{
    Aurora, Branches, City, Dunes, Flow, Forest, Glass, Marble, Mountains, Nebula, Papercut, Sea,
};

pub(crate) struct Character {
    pub(crate) username: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) bio: &'static str,
    /// What they photograph, favourite first.
    pub(crate) scenes: [Scene; 5],
    /// How well known they are, 0 to 1: decides who follows whom and what is liked.
    pub(crate) renown: f32,
}

/// Everybody there is; [`crate::DemoOptions::people`] takes them from the front.
pub(crate) const CAST: [Character; 12] = [
    Character {
        username: "mira",
        display_name: "Mira Solvang",
        bio: "Up before the light. Ridges, fog, cold coffee.",
        scenes: [Mountains, Forest, Aurora, Sea, Branches],
        renown: 0.95,
    },
    Character {
        username: "teo",
        display_name: "Teo Marchetti",
        bio: "Small boat, slow shutter. Somewhere between two harbours.",
        scenes: [Sea, Mountains, Dunes, City, Marble],
        renown: 0.6,
    },
    Character {
        username: "juno",
        display_name: "Juno Adeyemi",
        bio: "Night shifts at the observatory. I collect old light.",
        scenes: [Nebula, Aurora, City, Mountains, Glass],
        renown: 0.85,
    },
    Character {
        username: "kaito",
        display_name: "Kaito Hanamura",
        bio: "Printmaker. Paper, plum wood, patience.",
        scenes: [Branches, Papercut, Flow, Sea, Mountains],
        renown: 0.7,
    },
    Character {
        username: "wren",
        display_name: "Wren Castellan",
        bio: "Trees, mostly. Volunteer ranger, professional puddle inspector.",
        scenes: [Forest, Branches, Mountains, Papercut, Aurora],
        renown: 0.4,
    },
    Character {
        username: "pia",
        display_name: "Pia Lindgaard",
        bio: "I make things with scissors. Prints by request.",
        scenes: [Papercut, Flow, Glass, Branches, Marble],
        renown: 0.5,
    },
    Character {
        username: "omar",
        display_name: "Omar El-Sahli",
        bio: "Walks far, writes little. Sand in every camera I own.",
        scenes: [Dunes, Nebula, Sea, Mountains, City],
        renown: 0.55,
    },
    Character {
        username: "noor",
        display_name: "Noor Vance",
        bio: "Rain chaser. The city looks best reflected.",
        scenes: [City, Glass, Sea, Flow, Nebula],
        renown: 0.65,
    },
    Character {
        username: "elsa",
        display_name: "Elsa Brandt-Oyelaran",
        bio: "Glazier, third generation. Light is the real material.",
        scenes: [Glass, Marble, Branches, City, Papercut],
        renown: 0.35,
    },
    Character {
        username: "isak",
        display_name: "Isak Nordlys",
        bio: "Sixty-nine degrees north. Yes, it is cold. Yes, it is worth it.",
        scenes: [Aurora, Forest, Mountains, Nebula, Sea],
        renown: 0.75,
    },
    Character {
        username: "vida",
        display_name: "Vida Moreau",
        bio: "Code in, lines out. Plotters, flow fields, happy accidents.",
        scenes: [Flow, Marble, Nebula, Papercut, Glass],
        renown: 0.45,
    },
    Character {
        username: "sol",
        display_name: "Sol Ferreira",
        bio: "Ink, water, gravity. Studio open on Saturdays.",
        scenes: [Marble, Dunes, Branches, Flow, Forest],
        renown: 0.3,
    },
];
