//! Choice of the device that trains, and why it was chosen.

pub use halligan_shaders::{DeviceInfo, DeviceKind};
use halligan_shaders::{
    Executor, ExecutorError,
    cpu::CpuExecutor,
    gpu::{AdapterSelection, GpuExecutor},
};

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A hardware GPU if there is one, else the CPU. Never a software GPU driver: it is slower than the CPU
    /// executor by an order of magnitude.
    #[default]
    Auto,
    /// The processor's cores.
    Cpu,
    /// A GPU; a software driver is taken when there is no other.
    Gpu,
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            other => Err(format!("unknown device {other:?}; choose auto, cpu or gpu")),
        }
    }
}

/// The executor that was chosen.
pub enum Device {
    /// All cores.
    Cpu(CpuExecutor),
    /// wgpu.
    Gpu(Box<GpuExecutor>),
}

/// A device with the reason for the choice, for the user.
pub struct SelectedDevice {
    /// The executor.
    pub device: Device,
    /// One line that says what was chosen and why.
    pub reason: String,
}

impl SelectedDevice {
    /// The device in words.
    pub fn info(&self) -> DeviceInfo {
        match &self.device {
            Device::Cpu(exec) => exec.info().clone(),
            Device::Gpu(exec) => exec.info().clone(),
        }
    }
}

/// Opens the device for a choice.
///
/// # Errors
/// [`ExecutorError::NoAdapter`] or [`ExecutorError::NoDevice`] when a GPU was demanded and there is none.
pub fn select(choice: DeviceChoice) -> Result<SelectedDevice, ExecutorError> {
    let cpu = |reason: String| SelectedDevice { device: Device::Cpu(CpuExecutor::new()), reason };
    match choice {
        DeviceChoice::Cpu => Ok(cpu("CPU executor, as asked".to_owned())),
        DeviceChoice::Gpu => {
            let exec = GpuExecutor::new(AdapterSelection::Any)?;
            let reason = format!("{} ({}), as asked", exec.info().name, exec.info().driver);
            Ok(SelectedDevice { device: Device::Gpu(Box::new(exec)), reason })
        }
        DeviceChoice::Auto => match GpuExecutor::new(AdapterSelection::Hardware) {
            Ok(exec) => {
                let reason = format!("{} ({}), the GPU found", exec.info().name, exec.info().driver);
                Ok(SelectedDevice { device: Device::Gpu(Box::new(exec)), reason })
            }
            Err(ExecutorError::NoAdapter { reason }) => Ok(cpu(format!("CPU executor: {reason}"))),
            Err(other) => Ok(cpu(format!("CPU executor: {other}"))),
        },
    }
}
