//! Turns, devices and lessons that the tests show.

use std::path::PathBuf;

use halligan_runtime::{
    Assessment, Citation, DoctorReport, Document, Feedback, Generation, Hardware, IndexEvent, IndexReport, LearnEvent,
    LearnReport, Origin, Passage, Problem, SessionId, Severity, SkippedFile, Status, ToolCall, ToolOutcome, ToolUse,
    Turn, TurnId, Verdict,
};
use halligan_tui::console::source::{Source, SourceText};
use serde_json::json;

pub const ADAPTER: &str = "3f2a91c07d5e4b6a8c1f0e9d2b3a4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d";

pub fn status(corrections_waiting: usize) -> Status {
    Status {
        home: PathBuf::from("/field/halligan"),
        model: Some("halligan-base".to_owned()),
        model_path: Some(PathBuf::from("/field/halligan/model.gguf")),
        model_sha256: Some("ab".repeat(32)),
        model_bytes: Some(5_900_000),
        generation: carried(),
        previous_generation: None,
        profile: "laptop-cpu".to_owned(),
        context_tokens: 1024,
        corrections_waiting,
        turns: 3,
        documents: 1,
        passages: 214,
    }
}

pub fn carried() -> Generation {
    Generation {
        id: ADAPTER.to_owned(),
        parent: Some("base".to_owned()),
        created_at: 1_795_190_459,
        origin: Origin::Carried,
        gate_accuracy: None,
        corrected_accuracy: None,
        rejected: None,
        active: true,
        size_bytes: 1_400_000,
    }
}

pub fn generations() -> Vec<Generation> {
    vec![
        Generation {
            id: "base".to_owned(),
            parent: None,
            created_at: 0,
            origin: Origin::Base,
            size_bytes: 0,
            active: false,
            ..carried()
        },
        Generation { active: false, ..carried() },
        Generation {
            id: "c0ffee12".repeat(8),
            parent: Some(ADAPTER.to_owned()),
            created_at: 1_795_194_059,
            origin: Origin::Learned,
            gate_accuracy: Some(0.925),
            corrected_accuracy: Some(1.0),
            ..carried()
        },
        Generation {
            id: "deadfa11".repeat(8),
            parent: Some("c0ffee12".repeat(8)),
            created_at: 1_795_194_659,
            origin: Origin::Learned,
            gate_accuracy: Some(0.7),
            corrected_accuracy: Some(1.0),
            rejected: Some("the gate dropped by 22 points".to_owned()),
            active: false,
            ..carried()
        },
    ]
}

pub fn passage() -> Passage {
    Passage {
        document: "field-guide.md".to_owned(),
        page: None,
        heading: "Hazardous materials > Chlorine (UN 1017)".to_owned(),
        text: "Chlorine is a green-yellow gas, heavier than air. For a small spill, isolate the\n\
               spill area for at least 60 metres in all directions. Protect people downwind for\n\
               0.3 km by day and 1.1 km by night. Stay upwind and out of low places. Wear\n\
               positive-pressure breathing apparatus. Do not put water on the leak itself."
            .to_owned(),
        start_byte: 18_220,
        end_byte: 18_533,
        score: 7.25,
    }
}

pub fn turn(number: i64) -> Turn {
    Turn {
        id: TurnId(number),
        session: SessionId(1),
        question: "How far do I isolate a small chlorine spill?".to_owned(),
        answer: "Isolate the spill area for at least 60 metres in all directions.".to_owned(),
        confidence: Some(0.934),
        assessment: None,
        passage: Some(passage()),
        supported: true,
        citations: Vec::new(),
        tools: Vec::new(),
        model: None,
        generation: ADAPTER.to_owned(),
        tokens: 17,
        seconds: 0.84,
        feedback: None,
        reasons: Vec::new(),
        created_at: 1_795_190_459,
    }
}

pub fn doubtful_turn(number: i64) -> Turn {
    Turn {
        question: "Which fire shelter do I carry?".to_owned(),
        answer: "Carry the 2014 pattern shelter.".to_owned(),
        confidence: Some(0.41),
        supported: false,
        feedback: Some(Feedback::Bad),
        ..turn(number)
    }
}

/// A turn whose answer is withheld.
pub fn refused_turn(number: i64) -> Turn {
    Turn {
        passage: None,
        feedback: None,
        assessment: Some(Assessment {
            verdict: Verdict::Refuse,
            probability: None,
            domain_score: Some(-2.5),
            reasons: vec!["nothing like it was learned".to_owned(), "no document has these words".to_owned()],
        }),
        ..doubtful_turn(number)
    }
}

/// A turn that was asked back before anything was answered.
pub fn unanswered_turn(number: i64) -> Turn {
    Turn {
        question: "What is it?".to_owned(),
        answer: String::new(),
        confidence: None,
        assessment: Some(Assessment {
            verdict: Verdict::Clarify,
            probability: None,
            domain_score: None,
            reasons: vec!["the question names no subject; say what it is about".to_owned()],
        }),
        ..refused_turn(number)
    }
}

pub fn step(step: usize, steps: usize, loss: f32) -> LearnEvent {
    LearnEvent::Step { step, steps, loss, tokens_per_second: 850.0, seconds_left: 41.6 }
}

pub fn learned() -> LearnReport {
    LearnReport {
        candidate: "c0ffee12".repeat(8),
        activated: true,
        measured: true,
        reason: "corrected questions 3 of 3 right, before 0 of 3; gate 37 of 40 right, before 37 of 40".to_owned(),
        corrections: 3,
        corrected_before: 0.0,
        corrected_after: 1.0,
        gate_before: 0.93,
        gate_after: 0.92,
        gate_questions: 40,
        train_seconds: 42.0,
        tokens_per_second: 850.0,
        device: "CPU".to_owned(),
    }
}

/// A turn with everything that an answer can rest on.
pub fn thorough_turn(number: i64) -> Turn {
    Turn {
        question: "Chlorine leak at the pool, 300 ft in miles?".to_owned(),
        answer: "**Isolate first:**\n\n1. Keep 60 metres away in *all* directions.\n2. Stay upwind.\n\n\
                 | distance | miles |\n|---|---:|\n| 300 ft | 0.06 |"
            .to_owned(),
        assessment: Some(Assessment {
            verdict: Verdict::Warn,
            probability: Some(0.71),
            domain_score: Some(0.4),
            reasons: vec![
                "an answer like this one is right in 71 of 100 cases".to_owned(),
                "two documents give different distances".to_owned(),
            ],
        }),
        citations: vec![citation()],
        tools: vec![ToolUse {
            call: call(),
            outcome: ToolOutcome::Done(json!({"value": 0.0568, "unit": "mi"})),
            seconds: 0.01,
        }],
        ..turn(number)
    }
}

pub fn citation() -> Citation {
    Citation {
        document: "field-guide.md".to_owned(),
        page: Some(12),
        heading: "Hazardous materials > Chlorine (UN 1017)".to_owned(),
        quote: "isolate the\nspill area for at least 60 metres in all directions".to_owned(),
        start_byte: 18_290,
        end_byte: 18_358,
    }
}

pub fn call() -> ToolCall {
    ToolCall { name: "convert".to_owned(), arguments: json!({"value": 300, "from": "ft", "to": "mi"}) }
}

pub fn log_call() -> ToolCall {
    ToolCall { name: "log_entry".to_owned(), arguments: json!({"text": "Gate 3 closed, two people out"}) }
}

pub fn source_text() -> SourceText {
    SourceText {
        source: Source::of_citation(&citation()),
        before: "Chlorine is a green-yellow gas, heavier than air. For a small spill, ".to_owned(),
        words: citation().quote,
        after: ". Protect people downwind for 0.3 km by day and 1.1 km by night. Stay upwind.".to_owned(),
    }
}

pub fn documents() -> Vec<Document> {
    ["field-guide.md", "manuals/pump-operators-handbook-with-a-long-name.pdf", "notes.txt"]
        .into_iter()
        .zip([214, 1_020, 1])
        .map(|(name, passages)| Document {
            name: name.to_owned(),
            path: PathBuf::from("/media/usb").join(name),
            sha256: "cd".repeat(32),
            media_type: "text/markdown".to_owned(),
            pages: None,
            embedded: 0,
            remarks: Vec::new(),
            size_bytes: 41_000 * passages as u64,
            passages,
            added_at: 1_795_190_459,
        })
        .collect()
}

pub fn doctor_report() -> DoctorReport {
    DoctorReport {
        version: "0.1.0".to_owned(),
        hardware: Hardware {
            board: Some("NVIDIA Jetson Orin Nano".to_owned()),
            platform: "linux aarch64".to_owned(),
            processor: "Cortex-A78AE".to_owned(),
            cores: 6,
            memory_mib: 7_620,
            memory_available_mib: 5_200,
            gpu: None,
            on_mains_power: Some(false),
            temperature_celsius: Some(51.5),
            disk_free_mib: Some(120),
        },
        profile: Some("jetson-orin-nano".to_owned()),
        profile_reason: "the board is a Jetson Orin Nano".to_owned(),
        home: Some(PathBuf::from("/field/halligan")),
        status: Some(status(1)),
        problems: vec![Problem {
            severity: Severity::Warning,
            what: "only 120 MiB of disk are free".to_owned(),
            advice: "remove files that are not needed".to_owned(),
        }],
    }
}

pub fn reading() -> IndexEvent {
    IndexEvent::Reading { name: "field-guide.md".to_owned(), done: 1, files: 3 }
}

pub fn indexed() -> IndexReport {
    IndexReport {
        added: documents(),
        unchanged: 1,
        skipped: vec![SkippedFile {
            name: "plan.pdf".to_owned(),
            path: PathBuf::from("/media/usb/plan.pdf"),
            reason: "encrypted".to_owned(),
            detail: "it is encrypted; save it without a password".to_owned(),
        }],
        ..IndexReport::default()
    }
}
