//! The home folder: the one place where a device keeps what it knows.
//!
//! `device.db` is SQLite in WAL mode with `synchronous=FULL`: a transaction that has returned is on
//! the disk, one that has not leaves no trace. Large files lie beside it and are written to a
//! temporary name, synced and renamed, so a name never stands for half a file:
//!
//! ```text
//! device.db            journal, generations, the activation record
//! documents.db         documents with their index
//! model.gguf           base model
//! encoder.gguf         sentence encoder of the document search       reranker.gguf
//! adapters/<sha256>.gguf
//! replay.jsonl         rows of earlier training     gate.jsonl   questions not to be forgotten
//! calibration.jsonl    questions that say how often answers are right
//! out_of_domain.jsonl  questions that are to be refused
//! ```

mod schema;

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcetera::BaseStrategy;
use halligan_finetune::gguf::atomic_file::folder_of;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::error::{HomeError, RetrievalError};
use crate::retrieval::store;

/// How long a write waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open home folder.
pub struct Home {
    folder: PathBuf,
    connection: Connection,
    /// Opened by the first who looks for a document.
    documents: OnceCell<Connection>,
}

impl Home {
    /// Opens `folder` (`None`: the account's data folder), makes it if it is not there.
    ///
    /// # Errors
    /// [`HomeError`]: no account folder, unwritable folder, unusable or newer database.
    pub fn open(folder: Option<&Path>) -> Result<Home, HomeError> {
        let folder = Home::named_or_default(folder)?;
        let not_writable = |source| HomeError::NotWritable { path: folder.clone(), source };
        keep_for_its_owner(&folder).map_err(not_writable)?;
        std::fs::create_dir_all(folder.join("adapters")).map_err(not_writable)?;
        // SQLite would open a database in a read-only folder and fail at the first write.
        tempfile::tempfile_in(&folder).map_err(not_writable)?;
        let database = folder.join("device.db");
        let connection = open_database(&database)?;
        Ok(Home { folder, connection, documents: OnceCell::new() })
    }

    /// The account's data folder for Halligan (XDG on Linux).
    ///
    /// # Errors
    /// [`HomeError::NoUserFolder`] when the account has no home.
    pub fn default_folder() -> Result<PathBuf, HomeError> {
        let strategy = etcetera::choose_base_strategy().map_err(|_| HomeError::NoUserFolder)?;
        Ok(strategy.data_dir().join("halligan"))
    }

    /// Whether `folder` (`None`: the account's data folder) is a home already; looking makes none.
    ///
    /// # Errors
    /// [`HomeError::NoUserFolder`] when the account has no home.
    pub fn is_there(folder: Option<&Path>) -> Result<bool, HomeError> {
        Ok(Home::named_or_default(folder)?.join("device.db").exists())
    }

    /// `folder`, or the account's data folder.
    pub(crate) fn named_or_default(folder: Option<&Path>) -> Result<PathBuf, HomeError> {
        folder.map_or_else(Home::default_folder, |folder| Ok(folder.to_path_buf()))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database file.
    pub fn database_path(&self) -> PathBuf {
        self.folder.join("device.db")
    }

    /// Where the base model lies.
    pub fn model_path(&self) -> PathBuf {
        self.folder.join("model.gguf")
    }

    /// Where the sentence encoder of the document search lies, if the device has one.
    pub fn encoder_path(&self) -> PathBuf {
        self.folder.join("encoder.gguf")
    }

    /// Where the reranker of the document search lies, if the device has one.
    pub fn reranker_path(&self) -> PathBuf {
        self.folder.join("reranker.gguf")
    }

    /// Folder of the adapter files.
    pub fn adapters_folder(&self) -> PathBuf {
        self.folder.join("adapters")
    }

    /// Rows of earlier training.
    pub fn replay_path(&self) -> PathBuf {
        self.folder.join("replay.jsonl")
    }

    /// Questions that an update must not forget.
    pub fn gate_path(&self) -> PathBuf {
        self.folder.join("gate.jsonl")
    }

    /// Folder of computed prompt beginnings; it may be removed at any time.
    pub fn prefix_folder(&self) -> PathBuf {
        self.folder.join("cache").join("prefixes")
    }

    /// Questions on which the probability of being right is calibrated.
    pub fn calibration_path(&self) -> PathBuf {
        self.folder.join("calibration.jsonl")
    }

    /// Questions that the kit has nothing to say about.
    pub fn out_of_domain_path(&self) -> PathBuf {
        self.folder.join("out_of_domain.jsonl")
    }

    /// The database.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The database of documents.
    pub(crate) fn documents(&self) -> Result<&Connection, RetrievalError> {
        if let Some(connection) = self.documents.get() {
            return Ok(connection);
        }
        let connection = store::open(self)?;
        Ok(self.documents.get_or_init(|| connection))
    }

    /// A remembered setting, e.g. the hash of the model.
    pub(crate) fn setting(&self, key: &str) -> Result<Option<String>, HomeError> {
        self.connection
            .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|source| self.database_error(source))
    }

    /// Remembers settings in one transaction.
    pub(crate) fn remember(&self, settings: &[(&str, &str)]) -> Result<(), HomeError> {
        let store = || {
            let transaction = self.connection.unchecked_transaction()?;
            for (key, value) in settings {
                transaction.execute(
                    "INSERT INTO settings (key, value) VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                    [key, value],
                )?;
            }
            transaction.commit()
        };
        store().map_err(|source| self.database_error(source))
    }

    fn database_error(&self, source: rusqlite::Error) -> HomeError {
        HomeError::Database { path: self.database_path(), source }
    }
}

/// Makes the folder so that no other account can enter it: what was asked and answered is nobody else's. A home that has
/// the rights of any new folder is closed, too; other rights were somebody's choice and stay, as does a folder of other
/// things.
#[cfg(unix)]
fn keep_for_its_owner(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    const OWNER_ONLY: u32 = 0o700;
    const OF_ANY_NEW_FOLDER: u32 = 0o755;
    let Ok(found) = std::fs::metadata(folder) else {
        return std::fs::DirBuilder::new().recursive(true).mode(OWNER_ONLY).create(folder);
    };
    let is_home = folder.join("device.db").exists() || std::fs::read_dir(folder)?.next().is_none();
    if is_home && found.permissions().mode() & 0o7777 == OF_ANY_NEW_FOLDER {
        // A disk that knows no rights keeps none.
        let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(OWNER_ONLY));
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_for_its_owner(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

fn open_database(path: &Path) -> Result<Connection, HomeError> {
    let failed = |source| HomeError::Database { path: path.to_path_buf(), source };
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    // What is forgotten is overwritten, not only unlinked.
    connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
    // Immediate: of two processes that open a new home at once, one makes the tables.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let known = schema::version();
    if found > known {
        return Err(HomeError::NewerSchema { path: path.to_path_buf(), found, known });
    }
    if found < known {
        for step in schema::steps_after(found) {
            transaction.execute_batch(step).map_err(failed)?;
        }
        transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    Ok(connection)
}

/// Seconds since 1970 UTC; 0 on a device whose clock stands before that.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// SHA-256 of a file in lower-case hex. Reads it in pieces.
///
/// # Errors
/// What the system says when the file cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut piece = vec![0_u8; 1 << 20];
    loop {
        let count = io::Read::read(&mut file, &mut piece)?;
        if count == 0 {
            return Ok(hexadecimal(&hasher.finalize()));
        }
        hasher.update(&piece[..count]);
    }
}

/// SHA-256 of bytes in lower-case hex.
pub(crate) fn sha256_of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Copies `from` to `to` so that `to` is at every moment the old file, the new one, or absent.
/// Returns the SHA-256 of what was written.
pub(crate) fn copy_atomically(from: &Path, to: &Path) -> io::Result<String> {
    let folder = folder_of(to);
    let mut source = File::open(from)?;
    let mut target = tempfile::NamedTempFile::new_in(folder)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0_u8; 1 << 20];
    loop {
        let count = io::Read::read(&mut source, &mut piece)?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
        target.write_all(&piece[..count])?;
    }
    target.as_file().sync_all()?;
    target.persist(to).map_err(|error| error.error)?;
    sync_folder(folder)?;
    Ok(hexadecimal(&hasher.finalize()))
}

/// Makes a rename in `folder` durable; only Unix needs and allows it.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_home_has_a_durable_database_in_which_the_base_is_active() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        let text = |sql: &str| -> String { home.connection().query_row(sql, [], |row| row.get(0)).unwrap() };
        let number = |sql: &str| -> i64 { home.connection().query_row(sql, [], |row| row.get(0)).unwrap() };
        assert_eq!(text("PRAGMA journal_mode"), "wal");
        assert_eq!(number("PRAGMA synchronous"), 2, "2 is FULL");
        assert_eq!(text("SELECT active FROM activation"), "base");
        drop(home);
        Home::open(Some(folder.path())).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_home_is_closed_to_other_accounts_and_a_folder_of_other_things_stays_as_it_is() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let rights = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let set = |path: &Path, mode: u32| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let made = folder.path().join("deep/home");
        drop(Home::open(Some(&made)).unwrap());
        assert_eq!(rights(&made), 0o700);
        for (before, after) in [(0o755, 0o700), (0o750, 0o750), (0o1777, 0o1777)] {
            set(&made, before);
            drop(Home::open(Some(&made)).unwrap());
            assert_eq!(rights(&made), after, "{before:o}");
        }
        let shared = folder.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        std::fs::write(shared.join("notes.txt"), "").unwrap();
        set(&shared, 0o755);
        drop(Home::open(Some(&shared)).unwrap());
        assert_eq!(rights(&shared), 0o755);
    }

    #[test]
    fn a_home_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let Err(error) = Home::open(Some(&blocked.join("home"))) else { panic!("should fail") };
        assert!(error.to_string().contains("--home DIR"), "{error}");
    }

    #[test]
    fn a_database_of_a_newer_program_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path())).unwrap();
        home.connection().pragma_update(None, "user_version", 99).unwrap();
        drop(home);
        assert!(matches!(Home::open(Some(folder.path())), Err(HomeError::NewerSchema { found: 99, .. })));
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("device.db"), vec![7_u8; 9000]).unwrap();
        let Err(error) = Home::open(Some(folder.path())) else { panic!("should fail") };
        assert!(error.to_string().contains("device.db"), "{error}");
    }

    #[test]
    fn copies_report_the_hash_of_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&from, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(copy_atomically(&from, &to).unwrap(), expected);
        assert_eq!(sha256_of_file(&to).unwrap(), expected);
        assert_eq!(sha256_of_bytes(b"abc"), expected);
    }
}
