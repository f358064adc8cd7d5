//! Stained glass: panes between lead, lit from behind; a rose window or a landscape of panes.

use super::canvas::Canvas;
use super::color::{Color, Ramp};
use super::noise::{Noise, length, smoothstep};
use crate::random::Random;

struct Palette {
    mood: &'static str,
    panes: &'static [u32],
}

const PALETTES: [Palette; 4] = [
    Palette {
        mood: "in ruby, cobalt and gold",
        panes: &[0xffe08a, 0xf29a2e, 0xc8202c, 0x7a1440, 0x2a2a9a, 0x1454b8, 0x1a90b0],
    },
    Palette {
        mood: "in sea greens and honey",
        panes: &[0xfff0b8, 0xf0c050, 0x7ab858, 0x1e8a6a, 0x12607a, 0x183a6a, 0x5a2a6a],
    },
    Palette {
        mood: "in rose and violet",
        panes: &[0xffe8c8, 0xf8a890, 0xe0507a, 0xa02a8a, 0x5a2aa8, 0x2a3ab8, 0x2a8ac0],
    },
    Palette {
        mood: "in sunset colours",
        panes: &[0xfff4b0, 0xffb838, 0xf0702a, 0xd0303a, 0x8a2060, 0x40206a, 0x1c1c4a],
    },
];

/// The centre of a pane and its place in the palette.
#[derive(Clone, Copy)]
struct Site {
    x: f32,
    y: f32,
    tone: f32,
}

pub(super) fn paint(canvas: &mut Canvas, random: &mut Random, turn: usize) -> &'static str {
    let palette = &PALETTES[turn % PALETTES.len()];
    let noise = Noise::new(random.next_u64());
    let aspect = canvas.aspect();
    let ramp = Ramp::new(palette.panes);
    let sites = if random.chance(0.55) { rose(random, aspect) } else { landscape(random, noise, aspect) };
    let buckets = Buckets::new(&sites, aspect);
    let lamp = (aspect * random.range(0.35, 0.65), random.range(0.3, 0.6));
    let lead = random.range(0.0022, 0.003);
    let pixel = canvas.pixel();
    canvas.shade(|x, y, _| {
        let (first, second) = buckets.nearest_two(x, y);
        // Distance to the border between the two nearest panes.
        let (dx, dy) = (second.x - first.x, second.y - first.y);
        let span = length(dx, dy).max(1e-6);
        let (mx, my) = ((first.x + second.x) * 0.5 - x, (first.y + second.y) * 0.5 - y);
        let edge = (mx * dx + my * dy) / span;
        let seed = noise.cell((first.x * 4_096.0) as i32, (first.y * 4_096.0) as i32);
        let streak = noise.sibling(5).fbm(x * 9.0 + seed * 40.0, y * 22.0 + seed * 90.0, 4);
        let seedy = noise.sibling(6).at(x * 120.0, y * 120.0);
        let light = 0.62 + 0.6 * (-(length(x - lamp.0, y - lamp.1) * 1.7).powi(2)).exp();
        let body = 0.72 + 0.28 * smoothstep(0.0, 0.03, edge) + 0.24 * streak + 0.03 * seedy;
        let glass = ramp.at(first.tone + streak * 0.045) * (light * body * (0.8 + 0.45 * seed));
        let came = smoothstep(lead + pixel, lead - pixel, edge);
        let shine = smoothstep(lead, 0.0, edge) * 0.05;
        let metal = Color::new(0.012, 0.012, 0.016) + Color::new(0.6, 0.6, 0.7) * shine;
        (glass + Color::WHITE * (smoothstep(0.55, 0.9, streak) * 0.1)).mix(metal, came)
    });
    canvas.bloom(0.35, 0.02, 0.45);
    palette.mood
}

/// Rings of panes around an eye, as in a rose window, with a field of small panes around it.
fn rose(random: &mut Random, aspect: f32) -> Vec<Site> {
    let center = (aspect * 0.5, 0.5);
    let petals = [10, 12, 12, 16][random.below(4)];
    let radii = [0.055, 0.115, 0.185, 0.26, 0.335, 0.405, 0.47];
    let phase = random.range(0.0, 0.25);
    let mut sites = vec![Site { x: center.0, y: center.1, tone: 0.02 }];
    for (ring, radius) in radii.into_iter().enumerate() {
        let count = petals * [1, 1, 2, 2, 3, 3, 4][ring];
        for petal in 0..count {
            let turn = (petal as f32 + 0.5 * (ring % 2) as f32) / count as f32 * std::f32::consts::TAU;
            let swing = if petal % 2 == 0 { 0.0 } else { 0.012 * (ring as f32 / 2.0) };
            let (sin, cos) = turn.sin_cos();
            let stripe = if petal % 2 == ring % 2 { 0.14 } else { 0.0 };
            sites.push(Site {
                x: center.0 + cos * (radius + swing),
                y: center.1 + sin * (radius + swing),
                tone: (phase + ring as f32 * 0.115 + stripe).min(1.0),
            });
        }
    }
    let mut tries = 0;
    while tries < 5_000 && sites.len() < 640 {
        tries += 1;
        let (x, y) = (random.range(-0.05, aspect + 0.05), random.range(-0.05, 1.05));
        let apart = sites.iter().all(|site| length(site.x - x, site.y - y) > 0.05);
        if length(x - center.0, y - center.1) > 0.52 && apart {
            sites.push(Site { x, y, tone: random.range(0.72, 1.0) });
        }
    }
    sites
}

/// Small panes near a sun, larger ones away from it; tones follow its rings and a horizon.
fn landscape(random: &mut Random, noise: Noise, aspect: f32) -> Vec<Site> {
    let sun = (aspect * random.range(0.3, 0.7), random.range(0.25, 0.45));
    let horizon = random.range(0.6, 0.72);
    let mut sites: Vec<Site> = Vec::new();
    let mut tries = 0;
    while tries < 24_000 && sites.len() < 900 {
        tries += 1;
        let (x, y) = (random.range(-0.06, aspect + 0.06), random.range(-0.06, 1.06));
        let distance = length(x - sun.0, y - sun.1);
        let room = 0.026 + 0.05 * distance.min(0.8);
        // Wide, low panes below the horizon read as water.
        let tall = if y > horizon { 2.3 } else { 1.0 };
        if sites.iter().any(|site| length(site.x - x, (site.y - y) * tall) < room) {
            continue;
        }
        let hill = horizon + 0.07 * noise.fbm(x * 2.0, 3.0, 3);
        let tone = if y < hill {
            distance * 0.92
        } else {
            0.72 + 0.3 * (y - hill) / (1.0 - horizon) - 0.3 * (-((x - sun.0) * 7.0).powi(2)).exp()
        };
        sites.push(Site { x, y, tone: (tone + random.normal() * 0.035).clamp(0.0, 1.0) });
    }
    sites
}

/// Sites by grid cell, so that a pixel looks at few of them.
struct Buckets {
    cells: Vec<Vec<Site>>,
    columns: i32,
    rows: i32,
}

impl Buckets {
    const SIDE: f32 = 0.05;
    const MARGIN: f32 = 0.1;

    fn new(sites: &[Site], aspect: f32) -> Self {
        let count = |length: f32| ((length + 2.0 * Self::MARGIN) / Self::SIDE) as i32 + 1;
        let (columns, rows) = (count(aspect), count(1.0));
        let mut cells = vec![Vec::new(); (columns * rows) as usize];
        for site in sites {
            let (column, row) = Self::cell_of(site.x, site.y);
            if (0..columns).contains(&column) && (0..rows).contains(&row) {
                cells[(row * columns + column) as usize].push(*site);
            }
        }
        Self { cells, columns, rows }
    }

    fn cell_of(x: f32, y: f32) -> (i32, i32) {
        let place = |value: f32| ((value + Self::MARGIN) / Self::SIDE).floor() as i32;
        (place(x), place(y))
    }

    fn nearest_two(&self, x: f32, y: f32) -> (Site, Site) {
        let far = Site { x: 9.0, y: 9.0, tone: 1.0 };
        let (mut best, mut next) = ((f32::MAX, far), (f32::MAX, far));
        let (column, row) = Self::cell_of(x, y);
        for near_row in (row - 2).max(0)..=(row + 2).min(self.rows - 1) {
            for near_column in (column - 2).max(0)..=(column + 2).min(self.columns - 1) {
                for site in &self.cells[(near_row * self.columns + near_column) as usize] {
                    let distance = (site.x - x).powi(2) + (site.y - y).powi(2);
                    if distance < best.0 {
                        next = best;
                        best = (distance, *site);
                    } else if distance < next.0 {
                        next = (distance, *site);
                    }
                }
            }
        }
        (best.1, next.1)
    }
}
