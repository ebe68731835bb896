//! Weights on disk: one safetensors file, or several with an index.
//!
//! A header is read only as far as the file backs it, and every tensor is proven to lie inside its file
//! before any weight is read. Weights themselves are read in pieces where they are needed: neither copied nor
//! mapped as a whole, so a model of any size takes a few megabytes of memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::bail;
use half::{bf16, f16, slice::HalfFloatSliceExt as _};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::config::read_json;

const INDEX: &str = "model.safetensors.index.json";
/// Longest header that the safetensors format allows, in bytes.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// One tensor of a checkpoint.
#[derive(Clone, Debug)]
pub struct StoredTensor {
    /// Which file of [`Checkpoint::files`].
    file: usize,
    /// Dimensions, the contiguous one last.
    pub shape: Vec<usize>,
    /// How the elements are stored.
    pub dtype: Dtype,
    /// Where the first element is in the file.
    start: u64,
}

impl StoredTensor {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The weights of a model folder.
pub struct Checkpoint {
    files: Vec<PathBuf>,
    open: Vec<File>,
    tensors: BTreeMap<String, StoredTensor>,
}

impl Checkpoint {
    /// Finds and checks the safetensors files of a folder.
    ///
    /// # Errors
    /// No such files, files that the index names and that are missing, and files whose header or length is wrong.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let index = read_json(&folder.join(INDEX))?;
        let (names, placed) = match &index {
            Some(index) => {
                let placed = weight_map(index, folder)?;
                (placed.values().cloned().collect::<BTreeSet<_>>().into_iter().collect(), placed)
            }
            None => (vec![only_file(folder)?], BTreeMap::new()),
        };
        let mut checkpoint = Self { files: Vec::new(), open: Vec::new(), tensors: BTreeMap::new() };
        check_all_there(folder, &names)?;
        for name in &names {
            checkpoint.add(folder.join(name))?;
        }
        for (tensor, file) in &placed {
            let found = checkpoint.tensors.get(tensor).map(|stored| &names[stored.file]);
            if found != Some(file) {
                bail!(
                    "{}: the index places tensor `{tensor}` in {file}, which does not hold it; fetch both files again",
                    folder.join(INDEX).display()
                );
            }
        }
        Ok(checkpoint)
    }

    fn add(&mut self, path: PathBuf) -> anyhow::Result<()> {
        let mut file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        let (start, metadata) = read_header(&path, &mut file)?;
        for (name, info) in metadata.tensors() {
            let stored = StoredTensor {
                file: self.files.len(),
                shape: info.shape.clone(),
                dtype: info.dtype,
                start: start + info.data_offsets.0 as u64,
            };
            if let Some(other) = self.tensors.insert(name.clone(), stored) {
                bail!(
                    "{}: tensor `{name}` is also in {}; fetch both files again",
                    path.display(),
                    self.files[other.file].display()
                );
            }
        }
        self.files.push(path);
        self.open.push(file);
        Ok(())
    }

    /// The safetensors files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// All tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, StoredTensor> {
        &self.tensors
    }

    /// Reads elements `first .. first + values.len()` of a tensor as f32.
    ///
    /// # Errors
    /// A file that changed or cannot be read, an element type that holds no weights.
    pub fn read(&mut self, tensor: &StoredTensor, first: usize, values: &mut [f32]) -> anyhow::Result<()> {
        if !is_weight_type(tensor.dtype) {
            bail!(
                "{}: it holds weights as {}; F32, F16, BF16 and F64 can be converted: fetch the unquantized model",
                self.files[tensor.file].display(),
                tensor.dtype
            );
        }
        let width = tensor.dtype.bitsize() / 8;
        let path = &self.files[tensor.file];
        let file = &mut self.open[tensor.file];
        let mut fill = |bytes: &mut [u8]| {
            file.seek(SeekFrom::Start(tensor.start + (first * width) as u64))
                .and_then(|_| file.read_exact(bytes))
                .map_err(|error| unreadable(path, &error))
        };
        // safetensors is little-endian, as every machine that this runs on.
        match tensor.dtype {
            Dtype::F32 => fill(bytemuck::cast_slice_mut(values))?,
            Dtype::F16 => {
                let mut halves = vec![f16::ZERO; values.len()];
                fill(bytemuck::cast_slice_mut(&mut halves))?;
                halves.convert_to_f32_slice(values);
            }
            Dtype::BF16 => {
                let mut halves = vec![bf16::ZERO; values.len()];
                fill(bytemuck::cast_slice_mut(&mut halves))?;
                halves.convert_to_f32_slice(values);
            }
            _ => {
                let mut doubles = vec![0.0f64; values.len()];
                fill(bytemuck::cast_slice_mut(&mut doubles))?;
                values.iter_mut().zip(doubles).for_each(|(value, double)| *value = double as f32);
            }
        }
        Ok(())
    }
}

/// Whether weights of this type can be read.
fn is_weight_type(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!("{}: cannot read the file ({error}); check it and its permissions", path.display())
}

/// Which file holds which tensor, by the index. File names must stay in the folder.
fn weight_map(index: &serde_json::Value, folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let path = folder.join(INDEX);
    let Some(map) = index.get("weight_map").and_then(serde_json::Value::as_object) else {
        bail!("{}: `weight_map` is missing; fetch the file again", path.display());
    };
    let mut placed = BTreeMap::new();
    for (tensor, file) in map {
        let name = file.as_str().unwrap_or_default();
        if name.is_empty() || Path::new(name).file_name() != Some(std::ffi::OsStr::new(name)) {
            bail!("{}: tensor `{tensor}` is placed in {file}, which is no name of a file beside it", path.display());
        }
        placed.insert(tensor.clone(), name.to_owned());
    }
    if placed.is_empty() {
        bail!("{}: `weight_map` names no tensor; fetch the file again", path.display());
    }
    Ok(placed)
}

/// The one safetensors file of a folder without an index.
fn only_file(folder: &Path) -> anyhow::Result<String> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if names.iter().any(|name| name == "model.safetensors") {
        return Ok("model.safetensors".to_owned());
    }
    let found: Vec<&String> = names.iter().filter(|name| name.ends_with(".safetensors")).collect();
    let pickled = names.iter().any(|name| name.ends_with(".bin") || name.ends_with(".pth") || name.ends_with(".pt"));
    match found[..] {
        [one] => Ok(one.clone()),
        [] if pickled => bail!(
            "{}: the weights are pickled (.bin, .pth), which can run code when read; fetch the safetensors files",
            folder.display()
        ),
        [] => bail!("{}: there is no .safetensors file; fetch the weights of the model", folder.display()),
        _ => bail!(
            "{}: there are {} .safetensors files and no {INDEX}; fetch the index as well",
            folder.display(),
            found.len()
        ),
    }
}

fn check_all_there(folder: &Path, names: &[String]) -> anyhow::Result<()> {
    let missing: Vec<&str> = names.iter().map(String::as_str).filter(|name| !folder.join(name).is_file()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "{}: the index names {} files, {} of them missing: {}; fetch them",
        folder.join(INDEX).display(),
        names.len(),
        missing.len(),
        missing.join(", ")
    )
}

/// The header of a file, and where the data behind it starts.
fn read_header(path: &Path, file: &mut File) -> anyhow::Result<(u64, Metadata)> {
    let length = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    let mut start = [0; 8];
    if length < 8 {
        bail!("{}: {length} bytes are no safetensors file; fetch the file again", path.display());
    }
    file.read_exact(&mut start).map_err(|error| unreadable(path, &error))?;
    if &start == b"version " {
        bail!("{}: a pointer of Git LFS, not the weights; run `git lfs pull` in the folder", path.display());
    }
    let header = u64::from_le_bytes(start);
    if header > HEADER_BYTES_MAX.min(length - 8) {
        bail!(
            "{}: the header is said to take {header} bytes, the file has {length} (a header takes at most \
             {HEADER_BYTES_MAX}); fetch the file again",
            path.display()
        );
    }
    let mut text = vec![0; header as usize];
    file.read_exact(&mut text).map_err(|error| unreadable(path, &error))?;
    let metadata: Metadata = match serde_json::from_slice(&text) {
        Ok(metadata) => metadata,
        Err(error) => bail!("{}: the header makes no sense ({error}); fetch the file again", path.display()),
    };
    let needed = (metadata.data_len() as u64).saturating_add(8 + header);
    if needed != length {
        let which = if needed > length { "the file is truncated" } else { "the file has bytes behind its tensors" };
        bail!("{}: {which}: its tensors end at byte {needed} of {length}; fetch the file again", path.display());
    }
    Ok((8 + header, metadata))
}
