//! States of prompt beginnings on disk: the system's words and the tools are computed once, not at every start.
//!
//! A file is named by everything that the state depends on, and ends with the SHA-256 of the rest. llama.cpp trusts
//! what it reads, so a file is only given to it when that sum is right; any other is removed and computed anew.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use llama_cpp_2::token::LlamaToken;
use sha2::{Digest, Sha256};

use super::adapters::AdapterKey;
use super::context::Context;

/// Shorter beginnings are computed as fast as they are read.
pub(super) const TOKENS_MIN: usize = 32;
/// Most files in the folder.
const FILES_MAX: usize = 16;
/// Most bytes of all files together; a single state may take a quarter of it.
const BYTES_MAX: u64 = 1 << 30;
/// Ends every file name.
const ENDING: &str = "state";
/// Bytes of the sum at the end of a file.
const SUM_BYTES: u64 = 32;

/// A folder of states of one model under one set of settings.
pub(super) struct Prefixes {
    folder: PathBuf,
    /// Hash of model and settings.
    identity: [u8; 32],
}

impl Prefixes {
    /// States in `folder`, which is made when the first one is kept.
    pub fn new(folder: PathBuf, identity: [u8; 32]) -> Prefixes {
        Prefixes { folder, identity }
    }

    /// Brings the state of `tokens` into the empty sequence 0; false where there is none that can be used. The
    /// sequence is empty then.
    pub fn restore(&self, context: &mut Context, adapters: &AdapterKey, tokens: &[LlamaToken]) -> bool {
        let path = self.path(adapters, tokens);
        if !path.exists() {
            return false;
        }
        let restored = match is_whole(&path) {
            Ok(true) => context.load(0, &path, tokens.len()).is_some_and(|found| found == tokens),
            Ok(false) | Err(_) => false,
        };
        if restored {
            // The time of the last use decides what is removed when room is needed.
            let used = File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            if let Err(error) = used {
                tracing::debug!(path = %path.display(), %error, "the time of use cannot be noted");
            }
        } else {
            tracing::warn!(path = %path.display(), "a stored prompt state is damaged; it is computed anew");
            context.clear();
            let _ = fs::remove_file(&path);
        }
        restored
    }

    /// Keeps the state of sequence 0, which holds exactly `tokens`. What cannot be kept is only slower the next time.
    pub fn keep(&self, context: &Context, adapters: &AdapterKey, tokens: &[LlamaToken]) {
        if let Err(error) = self.write(context, &self.path(adapters, tokens), tokens) {
            tracing::debug!(folder = %self.folder.display(), %error, "a prompt state cannot be kept");
        }
    }

    fn write(&self, context: &Context, path: &Path, tokens: &[LlamaToken]) -> io::Result<()> {
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let temporary = tempfile::Builder::new().prefix(".state-").tempfile_in(&self.folder)?.into_temp_path();
        if !context.save(0, &temporary, tokens) {
            return Err(io::Error::other("llama.cpp cannot write it"));
        }
        let mut file = File::options().read(true).append(true).open(&temporary)?;
        if file.metadata()?.len() > BYTES_MAX / 4 {
            return Err(io::Error::other("it is too large"));
        }
        let sum = sum_of(&mut file, u64::MAX)?;
        file.write_all(&sum)?;
        drop(file);
        temporary.persist(path).map_err(|error| error.error)?;
        self.make_room()
    }

    /// Removes the states that were not used for longest.
    fn make_room(&self) -> io::Result<()> {
        let mut states = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let metadata = entry.metadata()?;
            if entry.path().extension().is_some_and(|ending| ending == ENDING) {
                states.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        states.sort();
        let mut bytes: u64 = states.iter().map(|(_, bytes, _)| bytes).sum();
        let mut count = states.len();
        for (_, size, path) in states {
            if count <= FILES_MAX && bytes <= BYTES_MAX {
                break;
            }
            fs::remove_file(path)?;
            (bytes, count) = (bytes - size, count - 1);
        }
        Ok(())
    }

    fn path(&self, adapters: &AdapterKey, tokens: &[LlamaToken]) -> PathBuf {
        let mut hasher = Sha256::new();
        hasher.update(self.identity);
        for (sha256, scale) in adapters {
            hasher.update(sha256.as_bytes());
            hasher.update(scale.to_le_bytes());
        }
        hasher.update((tokens.len() as u64).to_le_bytes());
        for token in tokens {
            hasher.update(token.0.to_le_bytes());
        }
        let name: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.{ENDING}"))
    }
}

/// Whether a file ends with the sum of the rest of it.
fn is_whole(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let Some(length) = file.metadata()?.len().checked_sub(SUM_BYTES) else { return Ok(false) };
    let sum = sum_of(&mut file, length)?;
    let mut stored = [0; SUM_BYTES as usize];
    file.seek(SeekFrom::Start(length))?;
    file.read_exact(&mut stored)?;
    Ok(sum == stored)
}

/// SHA-256 of the first `length` bytes.
fn sum_of(file: &mut File, length: u64) -> io::Result<[u8; 32]> {
    file.rewind()?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    let mut rest = file.take(length);
    loop {
        let read = rest.read(&mut piece)?;
        if read == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&piece[..read]);
    }
}

/// Tells one model file from another without reading all of it: its length, its time, and pieces from all over it.
pub(super) fn fingerprint(path: &Path) -> io::Result<[u8; 32]> {
    const PIECES: u64 = 256;
    const PIECE_BYTES: u64 = 4096;
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let mut hasher = Sha256::new();
    hasher.update(metadata.len().to_le_bytes());
    hasher.update(modified.unwrap_or_default().as_nanos().to_le_bytes());
    for piece in 0..PIECES {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(metadata.len() / PIECES * piece))?;
        Read::by_ref(&mut file).take(PIECE_BYTES).read_to_end(&mut bytes)?;
        hasher.update(&bytes);
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_any_bit_turned_or_cut_off_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.state");
        let mut file = File::options().read(true).append(true).create(true).open(&path).unwrap();
        file.write_all(&[7; 5000]).unwrap();
        let sum = sum_of(&mut file, u64::MAX).unwrap();
        file.write_all(&sum).unwrap();
        assert!(is_whole(&path).unwrap());
        let good = fs::read(&path).unwrap();
        for place in [0, 2500, 4999, 5000, 5031] {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(&path, bad).unwrap();
            assert!(!is_whole(&path).unwrap(), "byte {place}");
        }
        for length in [0, 31, 32, 5000, 5031] {
            fs::write(&path, &good[..length]).unwrap();
            assert!(!is_whole(&path).unwrap(), "{length} bytes");
        }
    }

    #[test]
    fn the_folder_stays_within_its_number_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let prefixes = Prefixes::new(folder.path().to_path_buf(), [0; 32]);
        for number in 0..FILES_MAX as u64 + 3 {
            let file = File::create(folder.path().join(format!("{number}.{ENDING}"))).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number)).unwrap();
        }
        fs::write(folder.path().join("other.txt"), "stays").unwrap();
        prefixes.make_room().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), FILES_MAX + 1);
        assert!(!folder.path().join("2.state").exists() && folder.path().join("3.state").exists());
        assert!(folder.path().join("other.txt").exists());
    }

    #[test]
    fn names_differ_by_model_adapter_scale_and_tokens() {
        let tokens = |ids: &[i32]| ids.iter().map(|id| LlamaToken::new(*id)).collect::<Vec<_>>();
        let of = |identity: u8, adapters: &[(&str, f32)], ids: &[i32]| {
            let key = adapters.iter().map(|(name, scale)| ((*name).to_owned(), scale.to_bits())).collect();
            Prefixes::new(PathBuf::new(), [identity; 32]).path(&key, &tokens(ids))
        };
        let names = [
            of(0, &[], &[1, 2]),
            of(1, &[], &[1, 2]),
            of(0, &[], &[1, 3]),
            of(0, &[], &[1]),
            of(0, &[("a", 1.0)], &[1, 2]),
            of(0, &[("a", 0.5)], &[1, 2]),
            of(0, &[("b", 1.0)], &[1, 2]),
        ];
        let different: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(names[0], of(0, &[], &[1, 2]));
    }
}
