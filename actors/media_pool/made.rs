//! What is made of an upload before any of it is stored, and pictures.

use super::{
    checksum::check_bytes,
    failure::{Failure, passing, store_failed, unreadable},
    scratch::Folder,
    settings::{MediaPoolArgs, WorkerTools},
};
use crate::{limited::limited, visual_search::Embedder};
use bytes::Bytes;
use futures::future::try_join_all;
use std::{sync::Arc, time::Duration};
use tessera_domain::{
    media::{MediaDetails, MediaFile, MediaKind, MediaRecord, Variant, file_key},
    upload::Upload,
};
use tessera_media::{ProcessedImage, process_image, video::VideoFile};
use tessera_ports::ledger::Embedding;
use tokio::sync::watch;

/// All that becomes of an upload.
pub(super) struct Made {
    /// What the post keeps of it.
    pub record: MediaRecord,
    /// What the current model made of its picture.
    pub embedding: Option<Embedding>,
    /// The picture, or the poster of a video.
    pub pictures: ProcessedImage,
    /// The files of a video.
    pub video: Option<MadeVideo>,
}

/// The files of a video, on disk for as long as this value lives.
pub(super) struct MadeVideo {
    pub files: Vec<VideoFile>,
    pub(super) _folder: Arc<Folder>,
}

/// Runs a computation off the async threads, on a core of its own, for at most `limit`, waiting for the core included.
///
/// One that takes longer goes on in vain and keeps its core until it ends.
pub(super) async fn compute<T: Send + 'static>(
    tools: &WorkerTools,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let cores = tools.cores.clone();
    let computed = async move {
        let permit = cores.acquire_owned().await.map_err(|error| error.to_string())?;
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
    };
    tokio::time::timeout(limit, computed).await.map_err(|_| format!("it took longer than {limit:?}"))?
}

/// What the current model makes of a picture, in the calling thread. A post without it is not found by its looks until
/// the index's keeper has made up for it.
pub(super) fn embed(embedder: Option<&Embedder>, image: &ProcessedImage) -> Option<Embedding> {
    let embedded = embedder?.embed(&image.sample, image.perceptual_hash);
    embedded.inspect_err(|error| tracing::warn!(%error, "a picture could not be embedded")).ok()
}

/// Makes a picture ready.
pub(super) async fn make_picture(
    tools: &WorkerTools,
    upload: &Upload,
    progress: &watch::Sender<u8>,
) -> Result<Made, Failure> {
    let original = download(tools, upload).await?;
    progress.send_replace(10);
    let settings = &tools.args.settings;
    let work = {
        let (limits, embedder) = (settings.limits.clone(), tools.args.embedder.clone());
        let (declared, progress) = (upload.content_type.clone(), progress.clone());
        move || {
            // A picture takes the stretch from 10 to 90 percent.
            let report = |percent: u8| {
                progress.send_replace(10 + (u32::from(percent) * 80 / 100) as u8);
            };
            let image = process_image(&original, &declared, &limits, &report)?;
            let embedding = embed(embedder.as_ref(), &image);
            Ok((image, embedding))
        }
    };
    match compute(tools, settings.process_limit, work).await {
        Ok(Ok((image, embedding))) => {
            Ok(Made { record: record(upload, &image), embedding, pictures: image, video: None })
        }
        Ok(Err(error)) => Err(refusal(upload, &error)),
        Err(error) => Err(passing(upload, &error, "The picture could not be converted.")),
    }
}

fn refusal(upload: &Upload, error: &tessera_media::MediaError) -> Failure {
    if error.is_retryable() {
        return passing(upload, error, "The picture could not be converted.");
    }
    tracing::info!(upload_id = %upload.id, code = error.code(), ?error, "an upload was refused");
    Failure::Final(error.to_string())
}

fn record(upload: &Upload, image: &ProcessedImage) -> MediaRecord {
    MediaRecord {
        kind: MediaKind::Image,
        upload_id: upload.id,
        blurhash: image.blurhash.clone(),
        width: image.large.width,
        height: image.large.height,
        details: MediaDetails {
            dominant_color: Some(image.dominant_color),
            perceptual_hash: Some(image.perceptual_hash),
            animated: image.animation.is_some(),
            video: None,
        },
    }
}

async fn download(tools: &WorkerTools, upload: &Upload) -> Result<Bytes, Failure> {
    let MediaPoolArgs { objects, settings, .. } = &*tools.args;
    let max_bytes = settings.limits.max_bytes;
    match limited("object store", settings.store_limit, objects.get(&upload.object_key, max_bytes)).await {
        Ok(Some(original)) => check_bytes(upload, &original).await.map(|()| original),
        Ok(None) => Err(Failure::Final("The uploaded file is gone.".to_owned())),
        Err(error) => Err(unreadable(tools, upload, error, max_bytes).await),
    }
}

/// Stores the pictures of a post.
pub(super) async fn put_pictures(tools: &WorkerTools, upload: &Upload, image: ProcessedImage) -> Result<(), Failure> {
    let MediaPoolArgs { objects, settings, .. } = &*tools.args;
    let ProcessedImage { large, medium, thumbnail, avif, webp, animation, .. } = image;
    let mut files = vec![
        (MediaFile::Picture(Variant::Large), large),
        (MediaFile::Picture(Variant::Medium), medium),
        (MediaFile::Picture(Variant::Thumbnail), thumbnail),
        (MediaFile::Picture(Variant::Avif), avif),
        (MediaFile::Picture(Variant::Webp), webp),
    ];
    files.extend(animation.map(|animation| (MediaFile::Animation, animation)));
    let puts = files.into_iter().map(|(file, encoded)| async move {
        let key = file_key(upload.user_id, upload.id, file);
        let put = objects.put(&key, file.content_type(), Bytes::from(encoded.bytes));
        limited("object store", settings.store_limit, put).await
    });
    let stored = try_join_all(puts).await;
    stored.map(|_| ()).map_err(|error| store_failed(upload, &error, "The pictures could not be stored."))
}
