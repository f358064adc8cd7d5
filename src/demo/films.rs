//! A few short videos: painted pictures of one scene that fade into one another, by the machine's own `ffmpeg`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use tempfile::TempDir;
use tokio::process::Command;

use crate::DemoError;
use crate::client::Client;
use crate::paint::{Scene, paint};
use crate::plan::Plan;
use crate::settle::{NewPost, Resident, post, posts_of};
use crate::stories::story;

/// How long `ffmpeg` may take for one film of five seconds.
const FILM_TIMEOUT: Duration = Duration::from_secs(60);
/// Painting is what takes time.
const PICTURES: u64 = 2;
const JPEG_QUALITY: u8 = 92;

/// One film to be made.
struct Film {
    author: &'static str,
    scene: Scene,
    width: u32,
    height: u32,
    caption: &'static str,
}

const FILMS: [Film; 2] = [
    Film {
        author: "teo",
        scene: Scene::Sea,
        width: 1280,
        height: 720,
        caption: "Two evenings, one anchorage. It moves! #sea #timelapse",
    },
    Film {
        author: "mira",
        scene: Scene::Mountains,
        width: 960,
        height: 1200,
        caption: "The same pass on two mornings. #mountains #timelapse",
    },
];

/// Posts the films that are missing, and has people like them; gives how many the world has, and how many of them are
/// new. Where there is no `ffmpeg` it has none, and the log says so.
pub(crate) async fn show(
    client: &Client,
    plan: &Plan,
    seed: u64,
    residents: &[Resident],
) -> Result<(usize, usize), DemoError> {
    let (mut shown, mut created) = (0, 0);
    for film in &FILMS {
        let Some(author) = plan.people.iter().position(|person| person.username == film.author) else { continue };
        let posted = posts_of(client, &residents[author]).await?;
        if posted.iter().any(|(_, caption)| caption == film.caption) {
            shown += 1;
            continue;
        }
        let made = match make(film, seed).await {
            Ok(made) => made,
            Err(reason) => {
                tracing::warn!(%reason, "the demo has no videos: they need ffmpeg");
                return Ok((shown, created));
            }
        };
        let new = NewPost {
            filename: format!("{:?}.mp4", film.scene).to_lowercase(),
            content_type: "video/mp4",
            bytes: made,
            caption: film.caption,
            alt_text: format!("A short film. {}, in two lights.", story(film.scene).alt),
        };
        let post_id = post(client, &residents[author].token, new).await?;
        tracing::info!(caption = film.caption, "demo video posted");
        shown += 1;
        created += 1;
        like(client, plan, author, residents, &post_id).await?;
    }
    Ok((shown, created))
}

/// Everybody who follows the author likes the film.
async fn like(
    client: &Client,
    plan: &Plan,
    author: usize,
    residents: &[Resident],
    post_id: &str,
) -> Result<(), DemoError> {
    let path = format!("/v1/posts/{post_id}/likes");
    for &(follower, _) in plan.follows.iter().filter(|(_, followee)| *followee == author) {
        client.call(Method::POST, &path, Some(&residents[follower].token), None).await?;
    }
    Ok(())
}

/// The film as an MP4, or why there is none.
async fn make(film: &Film, seed: u64) -> Result<Vec<u8>, String> {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let painted = folder.path().to_owned();
    let &Film { scene, width, height, .. } = film;
    tokio::task::spawn_blocking(move || paint_into(&painted, scene, seed, width, height))
        .await
        .map_err(|error| error.to_string())??;
    let output = folder.path().join("film.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]);
    for number in 0..PICTURES {
        command.args(["-loop", "1", "-framerate", "24", "-t", "2.9", "-i"]);
        command.arg(folder.path().join(format!("{number}.jpg")));
    }
    // The view drifts over the pictures while they fade. Halving them makes it drift by half pixels.
    let filter = "[0][1]xfade=duration=0.8:offset=2.1,\
                  crop=w=iw*0.9:h=ih*0.9:x=iw*0.1*t/5:y=ih*0.1*(1-t/5),scale=trunc(iw/4)*2:-2";
    command.args(["-filter_complex", filter]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]).arg(&output);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).output();
    let ended = tokio::time::timeout(FILM_TIMEOUT, child).await.map_err(|_| "ffmpeg took too long".to_owned())?;
    let ended = ended.map_err(|error| format!("ffmpeg: {error}"))?;
    if !ended.status.success() {
        return Err(format!("ffmpeg: {}", String::from_utf8_lossy(&ended.stderr).trim()));
    }
    tokio::fs::read(&output).await.map_err(|error| error.to_string())
}

/// Paints the film's pictures, numbered from zero.
fn paint_into(folder: &Path, scene: Scene, seed: u64, width: u32, height: u32) -> Result<(), String> {
    for number in 0..PICTURES {
        // Seeds in a row have different palettes.
        let picture = paint(scene, seed.wrapping_mul(7_919).wrapping_add(number), width, height);
        let jpeg = tessera_media::encode_jpeg(&picture.rgb, picture.width, picture.height, JPEG_QUALITY)
            .map_err(|error| error.to_string())?;
        std::fs::write(folder.join(format!("{number}.jpg")), jpeg).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_film_is_an_mp4() {
        let film = Film { width: 320, height: 400, ..FILMS[1] };
        let bytes = make(&film, 1).await.expect("ffmpeg is installed");
        assert_eq!(&bytes[4..8], b"ftyp");
        assert!((10_000..2_000_000).contains(&bytes.len()), "{} bytes", bytes.len());
    }
}
