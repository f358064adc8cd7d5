//! What people write under their pictures and under one another's. Captions name no colours or hours: the painter
//! chooses those.

use crate::paint::Scene;

/// The words that go with one scene.
pub(crate) struct Story {
    /// What the picture shows; the painter's mood completes the sentence.
    pub(crate) alt: &'static str,
    pub(crate) captions: &'static [&'static str],
    pub(crate) comments: &'static [&'static str],
}

/// Comments that fit any picture.
pub(crate) const COMMENTS: [&str; 16] = [
    "I keep coming back to this one.",
    "The colours! ❤",
    "This would make a wonderful print.",
    "How long did you wait for that?",
    "Quietly one of your best.",
    "Saving this for a grey day.",
    "Never gets old.",
    "Wow. Just wow.",
    "Please do a series of these.",
    "My new wallpaper, thank you.",
    "You have an eye for this.",
    "I can almost hear it.",
    "Beautiful balance in the composition.",
    "Sent this to my sister, she wants one on her wall.",
    "Worth every early alarm.",
    "So calm.",
];

/// The words for `scene`.
pub(crate) fn story(scene: Scene) -> &'static Story {
    match scene {
        Scene::Aurora => &AURORA,
        Scene::Branches => &BRANCHES,
        Scene::City => &CITY,
        Scene::Dunes => &DUNES,
        Scene::Flow => &FLOW,
        Scene::Forest => &FOREST,
        Scene::Glass => &GLASS,
        Scene::Marble => &MARBLE,
        Scene::Mountains => &MOUNTAINS,
        Scene::Nebula => &NEBULA,
        Scene::Papercut => &PAPERCUT,
        Scene::Sea => &SEA,
    }
}

const AURORA: Story = Story {
    alt: "Curtains of northern lights above dark hills, mirrored in a still lake",
    captions: &[
        "The whole sky was moving and there was no sound at all. #aurora #northernlights",
        "Minus eighteen, no wind, and then this. #aurora #winter",
        "We were about to drive home. #northernlights #nightsky",
        "The lake held its breath with us. #aurora #reflection",
        "Kp 6 and a full thermos. #aurora #nightphotography",
        "Every time I think I have seen it all. #northernlights",
    ],
    comments: &["Which forecast do you trust?", "Goosebumps.", "The reflection makes it."],
};

const BRANCHES: Story = Story {
    alt: "Flowering branches before a large pale disc, like a woodblock print",
    captions: &[
        "Four blocks, eleven colours, one very tired wrist. #woodblock #blossom",
        "It flowers for nine days. I took all nine. #blossom #spring",
        "Study for a larger print. #printmaking #branches",
        "The tree behind the workshop, again. #blossom #dailypractice",
        "Petals on everything, including the ink. #printmaking #spring",
        "Grown from a rule with four lines. #lsystem #blossom",
    ],
    comments: &["The negative space is perfect.", "Is this hand-pulled?", "Spring, at last."],
};

const CITY: Story = Story {
    alt: "Towers with lit windows on a rainy night, mirrored in a wet quay",
    captions: &[
        "Somebody up there is also awake. #city #rain",
        "The best light in town is on the ground. #reflection #citylights",
        "Missed the tram, kept the picture. #rain #streetphotography",
        "Counting windows until the rain stops. #city #nightwalk",
        "Two cities for the price of one. #reflection #skyline",
        "Umbrella in one hand, camera in the other. #rain #citylights",
    ],
    comments: &["You can smell the rain.", "Noir in the best way.", "I think I see my office."],
};

const DUNES: Story = Story {
    alt: "Dunes with sharp crests and long soft shadows under a wide sky",
    captions: &[
        "Nobody here for a hundred kilometres. #dunes #desert",
        "The wind drew this. I only stood still. #sand #minimal",
        "Footprints are behind me, on purpose. #dunes #desert",
        "An hour from the road and already another planet. #desert #landscape",
        "Shadows do all the work. #dunes #light",
        "It moved a metre since last year. #sand #landscape",
    ],
    comments: &["Those ripples!", "How do you keep the sand out?", "Looks like silk."],
};

const FLOW: Story = Story {
    alt: "Rounded bands of colour that follow one another in curves across paper",
    captions: &[
        "Every line knows where its neighbours are. #generative #flowfield",
        "Three pens dry, one plot finished. #plotter #generativeart",
        "Seed 41, kept. Seeds 1 to 40, recycled. #generative #lines",
        "Wind map of nowhere. #flowfield #abstract",
        "I changed one number. #generativeart #codeart",
        "They never cross. That is the only rule. #lines #abstract",
    ],
    comments: &["Hypnotic.", "What do you plot with?", "I followed one line for a minute."],
};

const FOREST: Story = Story {
    alt: "Conifers in mist, rank behind rank, with soft shafts of light",
    captions: &[
        "The path is there somewhere. #forest #fog",
        "Quiet enough to hear the drops. #forest #mist",
        "Same clearing, eleventh visit. #trees #fog",
        "Fog does the editing for you. #forest #minimal",
        "Met a fox. No picture, we were both surprised. #woods #mist",
        "Breathing practice. #trees #forest",
    ],
    comments: &["I want to walk in there.", "The layers!", "Smells of pine from here."],
};

const GLASS: Story = Story {
    alt: "Stained glass panes between dark lead lines, lit from behind",
    captions: &[
        "Two hundred and some panes, one missing, found it in my shoe. #stainedglass",
        "Light is the last colour you add. #stainedglass #craft",
        "Leaded, puttied, and in the window at last. #glass #handmade",
        "Cartoon to kiln in six weeks. #stainedglass #studio",
        "Ten minutes a day it throws this on the floor. #light #glass",
        "For a stairwell that had no view. #stainedglass #craft",
    ],
    comments: &["The centre glows!", "How heavy is it?", "My grandmother's church had one like this."],
};

const MARBLE: Story = Story {
    alt: "Swirls of ink like polished marble, with thin metallic veins",
    captions: &[
        "One drop, one breath, no second try. #marbling #ink",
        "Suminagashi, or an aerial photo. You choose. #ink #abstract",
        "Gold leaf on the part I liked least. Now I like it most. #marbling",
        "The water decided. #ink #process",
        "Sheet 30 of 30, and the only one I kept. #marbling #studio",
        "It looked like nothing until it dried. #abstract #ink",
    ],
    comments: &["Like a map of an island.", "The veins are lovely.", "Could stare at this all day."],
};

const MOUNTAINS: Story = Story {
    alt: "Mountain ridges one behind the other, fading into haze under a low sun",
    captions: &[
        "Seven ridges, then I lost count. #mountains #layers",
        "Two hours up for four minutes of this. #mountains #hiking",
        "Haze is just distance being honest. #landscape #layers",
        "The hut was closed, the view was not. #hiking #mountains",
        "Slept on the pass for this. #mountains #bivouac",
        "Nothing between here and the next country. #landscape #ridges",
    ],
    comments: &["Which pass is this?", "Layers on layers.", "My knees hurt just looking."],
};

const NEBULA: Story = Story {
    alt: "A glowing nebula with dark dust lanes among many stars",
    captions: &[
        "Eleven hours of exposure, one passing satellite. #astrophotography #nebula",
        "Older than every word for it. #stars #deepsky",
        "Clear skies four nights in a row, I have not slept. #astrophotography",
        "Dust, mostly. Like all of us. #nebula #space",
        "Stacked 214 frames, dropped 31. #deepsky #stars",
        "First light with the new mirror. #astrophotography #firstlight",
    ],
    comments: &["What focal length?", "Space is showing off again.", "The dust lanes are so crisp."],
};

const PAPERCUT: Story = Story {
    alt: "Layers of cut paper in rounded contours, each casting a soft shadow on the next",
    captions: &[
        "Eleven sheets, one blade, one plaster. #papercut #paperart",
        "A valley, from above. #papercut #layers",
        "Cut the last layer twice. #paperart #handmade",
        "Shadows are the only ink here. #papercut #minimal",
        "Depth: four centimetres. #paperart #layers",
        "Scraps became the next one. #papercut #studio",
    ],
    comments: &["I want to touch it.", "How do you keep the curves so clean?", "Topography, but soft."],
};

const SEA: Story = Story {
    alt: "A low sun over a calm sea, its light broken into a path on the water",
    captions: &[
        "Engine off. #sea #calm",
        "The last ferry had already gone. #coast #sea",
        "A road you cannot walk. #sea #light",
        "Salt on the lens, left it there. #ocean #slow",
        "Nothing on the horizon and nothing in the diary. #sea #horizon",
        "Same rock, same thermos, another sea. #coast #daily",
    ],
    comments: &["I can feel the breeze.", "Where was this?", "That path of light."],
};
