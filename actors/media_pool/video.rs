//! Videos: from the store to a file, through `ffmpeg` in its sandbox, to files that are stored one by one.

use super::{
    checksum::check_file,
    failure::{Failure, passing, store_failed, unreadable},
    made::{Made, MadeVideo, compute, embed},
    message::Ticket,
    scratch::{Folder, transfer_time},
    settings::WorkerTools,
};
use crate::limited::limited;
use std::{convert::Infallible, future, sync::Arc, time::Duration};
use tessera_domain::{
    UploadId,
    media::{MediaDetails, MediaFile, MediaKind, MediaRecord, VideoRecord, file_key},
    upload::{Upload, UploadStatus},
};
use tessera_media::video::{CancelFlag, ProcessedVideo, VideoError, VideoFile, process_video};
use tokio::sync::watch;

/// How often it is asked whether an upload was called off.
const CALLED_OFF_INTERVAL: Duration = Duration::from_secs(1);
/// What the uploader reads where this node cannot do it; another one may.
const NO_TOOLS: &str = "This server cannot convert videos.";

/// Makes a video ready, in a folder that goes away with the result.
pub(super) async fn make_video(
    tools: &WorkerTools,
    ticket: &Ticket,
    progress: &watch::Sender<u8>,
) -> Result<Made, Failure> {
    let (args, upload, cancel) = (&tools.args, &ticket.job.upload, &ticket.cancel);
    let video_tools = args.video_tools.clone().map_err(|reason| passing(upload, &reason, NO_TOOLS))?;
    let folder = args.scratch.folder(upload.id, ticket.job.lease_token);
    let folder = Arc::new(folder.map_err(|error| passing(upload, &error, "The video could not be converted."))?);
    download(tools, upload, &folder).await?;
    progress.send_replace(5);
    let limits = args.settings.video_limits.clone();
    // The children's time, and the poster.
    let longest = limits.longest() + limits.base_time;
    let work = {
        let (folder, declared) = (folder.clone(), upload.content_type.clone());
        let (progress, cancel, embedder) = (progress.clone(), cancel.clone(), args.embedder.clone());
        move || {
            // A video takes the stretch from 5 to 90 percent.
            let report = |percent: u8| {
                progress.send_replace(5 + (u32::from(percent) * 85 / 100) as u8);
            };
            let (source, made) = (folder.original(), folder.made());
            let video = process_video(&video_tools, &source, &made, &declared, &limits, &report, &cancel)?;
            let embedding = embed(embedder.as_ref(), &video.poster);
            Ok((video, embedding))
        }
    };
    let computed = tokio::select! {
        computed = compute(tools, longest, work) => computed,
        never = cancel_when_called_off(tools, upload.id, cancel) => match never {},
    };
    let (video, embedding) = computed
        .map_err(|error| passing(upload, &error, "The video could not be converted."))?
        .map_err(|error| refusal(upload, &error))?;
    let record = record(upload.id, &video);
    let ProcessedVideo { poster, files, .. } = video;
    Ok(Made { record, embedding, pictures: poster, video: Some(MadeVideo { files, _folder: folder }) })
}

fn record(upload_id: UploadId, video: &ProcessedVideo) -> MediaRecord {
    let ProcessedVideo { poster, renditions, duration_ms, has_audio, .. } = video;
    let sides = renditions.iter().map(|rendition| u16::try_from(rendition.short_side).unwrap_or(u16::MAX)).collect();
    let (width, height) = renditions.first().map_or((0, 0), |largest| (largest.width, largest.height));
    MediaRecord {
        kind: MediaKind::Video,
        upload_id,
        blurhash: poster.blurhash.clone(),
        width: poster.large.width,
        height: poster.large.height,
        details: MediaDetails {
            dominant_color: Some(poster.dominant_color),
            perceptual_hash: Some(poster.perceptual_hash),
            animated: false,
            video: Some(VideoRecord { duration_ms: *duration_ms, width, height, sides, has_audio: *has_audio }),
        },
    }
}

async fn download(tools: &WorkerTools, upload: &Upload, folder: &Folder) -> Result<(), Failure> {
    let max_bytes = tools.args.settings.video_limits.max_bytes;
    let limit = tools.args.settings.store_limit + transfer_time(upload.file_size_bytes);
    let path = folder.original();
    let fetch = tools.args.objects.get_to_file(&upload.object_key, &path, max_bytes);
    match limited("object store", limit, fetch).await {
        Ok(true) => check_file(upload, &path).await,
        Ok(false) => Err(Failure::Final("The uploaded file is gone.".to_owned())),
        Err(error) => Err(unreadable(tools, upload, error, max_bytes).await),
    }
}

fn refusal(upload: &Upload, error: &VideoError) -> Failure {
    match error {
        VideoError::Cancelled => Failure::LeaseLost,
        VideoError::Starved { detail } => {
            tracing::warn!(upload_id = %upload.id, detail, "a video wanted more than this machine had");
            Failure::Starved("The video could not be converted.")
        }
        error if error.is_retryable() => passing(upload, &format!("{error:?}"), "The video could not be converted."),
        error => {
            tracing::info!(upload_id = %upload.id, code = error.code(), ?error, "an upload was refused");
            Failure::Final(error.to_string())
        }
    }
}

/// Stores the files of a video one after the other.
pub(super) async fn put_video(tools: &WorkerTools, upload: &Upload, video: &MadeVideo) -> Result<(), Failure> {
    for VideoFile { name, path, content_type, size_bytes } in &video.files {
        // Names are ours, and so is one that deleting the post would not know of.
        let file =
            MediaFile::from_file_name(name).ok_or_else(|| passing(upload, name, "The video could not be stored."))?;
        let key = file_key(upload.user_id, upload.id, file);
        let limit = tools.args.settings.store_limit + transfer_time(*size_bytes);
        let stored = limited("object store", limit, tools.args.objects.put_file(&key, content_type, path)).await;
        stored.map_err(|error| store_failed(upload, &error, "The video could not be stored."))?;
    }
    Ok(())
}

/// Calls the work off once the upload is over for another reason than this work.
async fn cancel_when_called_off(tools: &WorkerTools, id: UploadId, cancel: &CancelFlag) -> Infallible {
    loop {
        tokio::time::sleep(CALLED_OFF_INTERVAL).await;
        // A ledger that fails says nothing.
        let upload = tools.args.ledger.upload(id).await;
        if matches!(upload, Ok(Some(upload)) if upload.status != UploadStatus::Processing) {
            cancel.cancel();
            return future::pending().await;
        }
    }
}
