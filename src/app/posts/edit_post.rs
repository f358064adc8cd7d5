//! Change what is written about a post.

use super::Posts;
use crate::{AppError, AppResult, clock, hydrate::HydratedPost, outdate::outdate};
use tessera_actors::broadcast::Outdated;
use tessera_domain::{
    PostId, UserId,
    text::{self, MAX_ALT_TEXT_CHARS, MAX_CAPTION_CHARS},
};
use tessera_ports::ledger::ChangePostOutcome;

/// What to change; a field that is missing stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostChange {
    /// New caption; its hashtags become the post's.
    pub caption: Option<String>,
    pub alt_text: Option<String>,
}

impl Posts {
    /// Changes the author's own post. From the reply on this node shows nothing older; other nodes follow as
    /// soon as the outbox reaches them.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for text that the rules refuse, [`AppError::Forbidden`] for somebody else's post,
    /// [`AppError::NotFound`].
    pub async fn edit_post(&self, editor: UserId, id: PostId, change: PostChange) -> AppResult<HydratedPost> {
        let caption = change.caption.as_deref().map(|it| text::clean("caption", it, MAX_CAPTION_CHARS)).transpose()?;
        let alt_text =
            change.alt_text.as_deref().map(|it| text::clean("alt_text", it, MAX_ALT_TEXT_CHARS)).transpose()?;
        if caption.is_none() && alt_text.is_none() {
            let post = self.get_post(editor, id).await?;
            return if post.post.author_id == editor { Ok(post) } else { Err(AppError::Forbidden) };
        }
        let caption = caption.map(|caption| {
            let hashtags = text::hashtags(&caption);
            (caption, hashtags)
        });
        match self.ledger.edit_post(id, editor, caption, alt_text, clock::now()).await? {
            ChangePostOutcome::Done(_) => {
                self.hydrator.forget_post(id).await;
                outdate(&self.invalidation, Outdated::post(id)).await;
                self.get_post(editor, id).await
            }
            ChangePostOutcome::NotFound => Err(AppError::NotFound("post")),
            ChangePostOutcome::Forbidden => Err(self.refuse_foreign_post(editor, id).await),
        }
    }
}
