//! The programs that do the work.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where the programs are, and what the machine offers to fence them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTools {
    pub(super) ffmpeg: PathBuf,
    pub(super) ffprobe: PathBuf,
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
    /// A sentence for the operator: what is missing and how to get it.
    pub fn find() -> Result<Self, String> {
        let ffmpeg = find("ffmpeg", "ffmpeg")?;
        let filters = Command::new(&ffmpeg).args(["-hide_banner", "-filters"]).stdin(Stdio::null()).output();
        let filters = filters.map_err(|error| format!("{} does not run: {error}", ffmpeg.display()))?;
        let filters = String::from_utf8_lossy(&filters.stdout).into_owned();
        let has = |name: &str| filters.split_whitespace().any(|word| word == name);
        Ok(Self {
            ffprobe: find("ffprobe", "ffmpeg")?,
            prlimit: find("prlimit", "util-linux")?,
            setpriv: find("setpriv", "util-linux")?,
            unshare: on_path("unshare").filter(|unshare| can_unshare(unshare)),
            has_tone_mapping: has("zscale") && has("tonemap"),
            ffmpeg,
        })
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
