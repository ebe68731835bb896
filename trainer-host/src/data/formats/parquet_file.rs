//! Parquet files of rows, compressed with Snappy as other programs do by default.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use halligan_finetune::gguf::atomic_file::write_atomically;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::record::Record;
use super::table::{batch, in_batches, schema};

/// Writes a file; returns its rows.
///
/// # Errors
/// A record that cannot be read, a disk that takes no more.
pub fn write(path: &Path, records: impl Iterator<Item = anyhow::Result<Record>>) -> anyhow::Result<usize> {
    let schema = Arc::new(schema());
    let mut rows = 0;
    write_atomically(path, |temporary| -> anyhow::Result<()> {
        let file = File::create(temporary).map_err(|error| crate::about(path, error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(crate::data::manifest::Manifest::tool())
            .build();
        let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
        in_batches(records, |part| {
            rows += part.len();
            Ok(writer.write(&batch(part, schema.clone())?)?)
        })?;
        writer.close()?;
        Ok(())
    })?;
    Ok(rows)
}

/// The batches of a file.
///
/// # Errors
/// A file that is no Parquet, or is compressed in a way that this program does not know.
pub fn batches(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<RecordBatch>> + use<>> {
    let file = File::open(path).map_err(|error| crate::about(path, error))?;
    let name = path.to_path_buf();
    let broken = move |error: String| {
        anyhow::anyhow!(
            "{}: cannot read as Parquet ({error}); write it again with Snappy or no compression",
            name.display()
        )
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| broken(error.to_string()))?;
    let reader = builder.build().map_err(|error| broken(error.to_string()))?;
    Ok(reader.map(move |batch| batch.map_err(|error| broken(error.to_string()))))
}
