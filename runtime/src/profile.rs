//! The hardware profile in use: asked for by name or file, or chosen by the probe.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use halligan_firmware_profiles::{
    ALL_GPU_LAYERS, HardwareProbe, KvType as ProfileKvType, PROFILE_LIMIT_BYTES, Profile, built_in, built_in_names,
    read_profile, select,
};

use crate::assistant::DeviceChoice;
use crate::error::ProfileError;
use crate::inference::{InferenceSettings, KvType};

/// A profile, fitted to the machine, with the reason for it.
#[derive(Debug, Clone)]
pub struct ChosenProfile {
    /// The profile; its memory budget is at most what the machine can spare.
    pub profile: Profile,
    /// Why this one, in a few words.
    pub reason: String,
    threads: u32,
}

impl ChosenProfile {
    /// The profile that was asked for (built-in name or JSON file), else the one for the probe.
    ///
    /// # Errors
    /// [`ProfileError`]: unknown name, unreadable or malformed file.
    pub fn choose(asked: Option<&str>, probe: &HardwareProbe) -> Result<ChosenProfile, ProfileError> {
        let (profile, reason) = match asked {
            None => {
                let selection = select(probe);
                (selection.profile(), selection.reason.to_string())
            }
            Some(name) => (named(name)?, "asked for with --profile".to_owned()),
        };
        let threads = profile.threads_on(probe);
        Ok(ChosenProfile { profile: profile.capped_to(probe), reason, threads })
    }

    /// How inference loads a model under this profile.
    pub fn inference_settings(&self, device: DeviceChoice) -> InferenceSettings {
        InferenceSettings {
            context_tokens: self.profile.context_tokens,
            batch_tokens: self.profile.batch_tokens,
            micro_batch_tokens: self.profile.micro_batch_tokens,
            threads: self.threads,
            gpu_layers: match device {
                DeviceChoice::Cpu => 0,
                DeviceChoice::Auto => self.profile.gpu_layers,
                DeviceChoice::Gpu => ALL_GPU_LAYERS,
            },
            gpu_only: device == DeviceChoice::Gpu,
            kv_type: match self.profile.kv_type {
                ProfileKvType::F32 => KvType::F32,
                ProfileKvType::F16 => KvType::F16,
                ProfileKvType::Q8_0 => KvType::Q8_0,
            },
            memory_bytes: Some(u64::from(self.profile.memory_budget_mib) << 20),
            ..InferenceSettings::default()
        }
    }
}

fn named(name: &str) -> Result<Profile, ProfileError> {
    let bad = |reason: String| ProfileError::Bad { name: name.to_owned(), reason };
    if built_in_names().any(|known| known == name) {
        return built_in(name).map_err(|error| bad(error.to_string()));
    }
    let path = Path::new(name);
    if !path.is_file() {
        let known: Vec<&str> = built_in_names().collect();
        return Err(ProfileError::Unknown { name: name.to_owned(), known: known.join(", ") });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(PROFILE_LIMIT_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| bad(error.to_string()))?;
    read_profile(bytes.as_slice()).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use halligan_firmware_profiles::Architecture;

    fn probe() -> HardwareProbe {
        HardwareProbe::new(4, 16_384, Architecture::X86_64)
    }

    #[test]
    fn without_a_wish_the_probe_decides() {
        let chosen = ChosenProfile::choose(None, &probe()).unwrap();
        assert_eq!(chosen.profile.name, "laptop-cpu");
        assert_eq!(chosen.inference_settings(DeviceChoice::Auto).threads, 4);
    }

    #[test]
    fn a_wish_may_be_a_name_or_a_file() {
        let chosen = ChosenProfile::choose(Some("raspberry-pi-5"), &probe()).unwrap();
        assert_eq!(chosen.profile.name, "raspberry-pi-5");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.json");
        let text = include_str!("../../firmware-profiles/profiles/laptop-gpu.json").replace("laptop-gpu", "mine");
        std::fs::write(&path, text).unwrap();
        let chosen = ChosenProfile::choose(path.to_str(), &probe()).unwrap();
        assert_eq!(chosen.profile.name, "mine");
        assert!(chosen.inference_settings(DeviceChoice::Auto).gpu_layers > 0);
        assert_eq!(chosen.inference_settings(DeviceChoice::Cpu).gpu_layers, 0);
        assert!(chosen.inference_settings(DeviceChoice::Gpu).gpu_only);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones_and_a_bad_file_names_the_field() {
        let error = ChosenProfile::choose(Some("toaster"), &probe()).unwrap_err().to_string();
        assert!(error.contains("toaster") && error.contains("raspberry-pi-5"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.json");
        std::fs::write(&path, r#"{"name":"bad","wheels":4}"#).unwrap();
        let error = ChosenProfile::choose(path.to_str(), &probe()).unwrap_err().to_string();
        assert!(error.contains("bad.json") && error.contains("wheels"), "{error}");
        std::fs::write(&path, vec![b' '; 1 << 20]).unwrap();
        assert!(ChosenProfile::choose(path.to_str(), &probe()).is_err());
    }
}
