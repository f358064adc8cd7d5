//! Password hashing: Argon2id with the crate's defaults (RFC 9106), off the async threads, bounded.
//!
//! A hash costs about 19 MiB and tens of milliseconds on purpose. Without a bound, a burst of log-ins
//! would take all cores and memory, so at most `workers` run and at most `queue` wait.

use crate::{AppError, AppResult};
use argon2::{
    Argon2, PasswordHasher as _, PasswordVerifier as _,
    password_hash::{PasswordHash, SaltString},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

const SALT_BYTES: usize = 16;

/// Hashes and checks passwords.
pub(crate) struct PasswordHasher {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// A hash of nothing in particular, checked where the user does not exist, so that an unknown name
    /// takes as long as a wrong password.
    decoy: String,
}

impl PasswordHasher {
    /// A hasher that runs `workers` hashes at once and lets `queue` more wait.
    pub(crate) fn new(workers: usize, queue: usize) -> AppResult<Self> {
        let workers = workers.max(1);
        Ok(Self {
            running: Arc::new(Semaphore::new(workers)),
            admitted: Arc::new(Semaphore::new(workers + queue)),
            decoy: hash_now("no account has this password")?,
        })
    }

    /// The password's hash, in PHC string format.
    pub(crate) async fn hash(&self, password: String) -> AppResult<String> {
        self.run(move || hash_now(&password)).await?
    }

    /// Whether `password` is the one behind `hash`; without a hash, false after just as long.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> AppResult<bool> {
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        Ok(self.run(move || verify_now(&password, &hash)).await?? && exists)
    }

    /// Runs `work` on a blocking thread once it is its turn. The permit moves with the work, so that a
    /// caller who goes away does not let more than `workers` hashes run.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
        let admitted =
            self.admitted.clone().try_acquire_owned().map_err(|_| AppError::Overloaded("password hashing"))?;
        let running =
            self.running.clone().acquire_owned().await.map_err(|error| AppError::Internal(error.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop((running, admitted));
            result
        })
        .await
        .map_err(|error| AppError::Internal(format!("password hashing: {error}")))
    }
}

fn hash_now(password: &str) -> AppResult<String> {
    let salt: [u8; SALT_BYTES] = rand::random();
    let failed = |error: argon2::password_hash::Error| AppError::Internal(format!("password hashing: {error}"));
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

fn verify_now(password: &str, hash: &str) -> AppResult<bool> {
    let parsed =
        PasswordHash::new(hash).map_err(|error| AppError::Internal(format!("stored password hash: {error}")))?;
    match Argon2::default().verify_password(password.as_bytes(), &parsed) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(AppError::Internal(format!("stored password hash: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_an_existing_user_passes() {
        let hasher = PasswordHasher::new(1, 4).expect("hasher");
        let hash = hasher.hash("correct horse".to_owned()).await.expect("hash");
        assert!(hash.starts_with("$argon2id$"));
        assert!(hasher.verify("correct horse".to_owned(), Some(hash.clone())).await.expect("verify"));
        assert!(!hasher.verify("wrong horse".to_owned(), Some(hash)).await.expect("verify"));
        assert!(!hasher.verify("no account has this password".to_owned(), None).await.expect("verify"));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let hasher = PasswordHasher::new(1, 0).expect("hasher");
        let (one, two) = tokio::join!(hasher.hash("first one".to_owned()), hasher.hash("second one".to_owned()));
        assert!(one.is_ok());
        assert!(matches!(two, Err(AppError::Overloaded(_))));
    }
}
