//! The programs that do the work.

use super::{
    CancelFlag, VideoError, VideoLimits,
    child::{Sandbox, words},
};
use std::{
    collections::HashSet,
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where the programs are, and what the machine offers to fence them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTools {
    pub(super) ffmpeg: PathBuf,
    pub(crate) ffprobe: PathBuf,
    pub(super) prlimit: PathBuf,
    pub(super) setpriv: PathBuf,
    /// `unshare`, where it may make a network namespace without any network in it.
    pub(super) unshare: Option<PathBuf>,
    /// Whether colours beyond the common range can be mapped into it.
    pub(super) has_tone_mapping: bool,
}

impl VideoTools {
    /// Finds `ffmpeg` and `ffprobe`, and `prlimit` and `setpriv` of util-linux that fence them in, on the `PATH`.
    ///
    /// # Errors
    /// A sentence for the operator: what is missing and how to get it, or what the system forbids.
    pub fn find() -> Result<Self, String> {
        let mut tools = Self {
            ffmpeg: find("ffmpeg", "ffmpeg")?,
            ffprobe: find("ffprobe", "ffmpeg")?,
            prlimit: find("prlimit", "util-linux")?,
            setpriv: find("setpriv", "util-linux")?,
            unshare: on_path("unshare").filter(|unshare| can_unshare(unshare)),
            has_tone_mapping: false,
        };
        let filters = tools.filters().map_err(|error| format!("ffmpeg does not run in its fences: {error:?}"))?;
        tools.has_tone_mapping = ["zscale", "tonemap"].iter().all(|name| filters.contains(*name));
        Ok(tools)
    }

    /// What `ffmpeg` says that it has, asked within the fences: a system that forbids those forbids videos, and better
    /// at once.
    fn filters(&self) -> Result<HashSet<String>, VideoError> {
        let (limits, cancel) = (VideoLimits::default(), CancelFlag::default());
        let sandbox = Sandbox::new(self, Path::new("/"), &limits, &cancel, limits.probe_limit);
        let mut names = HashSet::new();
        sandbox.run(&self.ffmpeg, &words(["-hide_banner", "-filters"]), &mut |line| {
            names.extend(line.split_whitespace().nth(1).map(str::to_owned));
        })?;
        Ok(names)
    }

    /// Whether the programs run without any network. Where not, their protocols are restricted all the same.
    pub fn has_network_namespace(&self) -> bool {
        self.unshare.is_some()
    }
}

fn find(program: &str, package: &str) -> Result<PathBuf, String> {
    on_path(program).ok_or_else(|| format!("{program} is not on the PATH; videos need it (apt-get install {package})"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_else(|| OsStr::new("/usr/bin:/bin").to_owned());
    env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn can_unshare(unshare: &Path) -> bool {
    let tried = Command::new(unshare)
        .args(["--net", "--map-root-user", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}
