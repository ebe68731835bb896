//! `halligan docs` as a process: formats, hostile files, an ingest that is killed again and again.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Most memory that reading a folder of hostile files may take, of program and PDF reader alike: the largest file
/// that is read as a whole, its text and its blocks, with room for the libraries.
#[cfg(target_os = "linux")]
const ADDRESS_SPACE_MAX_KIB: u64 = 4 << 20;

fn docs(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halligan"));
    command.arg("--home").arg(home).arg("docs").args(arguments).arg("--json").stdin(Stdio::null());
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(last).unwrap()
}

/// A PDF with one page for each text, its lines one below the other, the first large. `extra` goes into the trailer.
fn pdf(pages: &[&str], extra: &str) -> Vec<u8> {
    let mut objects = vec![String::new(), String::new()];
    objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned());
    let mut kids = Vec::new();
    for text in pages {
        let mut content = String::from("BT 72 720 Td\n");
        for (index, line) in text.lines().enumerate() {
            content.push_str(&format!("/F1 {} Tf ({line}) Tj 0 -14 Td\n", if index == 0 { 20 } else { 11 }));
        }
        content.push_str("ET");
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            objects.len()
        ));
        kids.push(format!("{} 0 R", objects.len()));
    }
    objects[0] = "<< /Type /Catalog /Pages 2 0 R >>".to_owned();
    objects[1] = format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), kids.len());
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        writeln!(out, "{} 0 obj\n{object}\nendobj", index + 1).unwrap();
    }
    let table = out.len();
    writeln!(out, "xref\n0 {}\n0000000000 65535 f ", objects.len() + 1).unwrap();
    for place in places {
        writeln!(out, "{place:010} 00000 n ").unwrap();
    }
    write!(out, "trailer\n<< /Size {} /Root 1 0 R {extra} >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1).unwrap();
    out
}

#[test]
fn every_format_is_found_with_its_place() {
    let room = tempfile::tempdir().unwrap();
    let (home, kit) = (room.path().join("home"), room.path().join("kit"));
    std::fs::create_dir(&kit).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(kit.join(name), bytes).unwrap();
    write("guide.md", b"# Pumps\n\nThe primer draws alfalfa.\n");
    write("notes.txt", b"The hose holds bramble.\n");
    write("page.html", b"<h1>Tanks</h1><script>x()</script><p>The tank is of <b>cobalt</b>.</p>");
    write("table.csv", b"name,colour\nvalve,damson\n");
    write("list.jsonl", b"{\"name\": \"nozzle\", \"colour\": \"ebony\"}\n");
    write("manual.rst", b"Ladders\n=======\n\nThe ladder is of fennel.\n");
    write("manual.pdf", &pdf(&["Front\nNothing here yet.", "Chlorine\nThe cylinder is of garnet.\nKeep away."], ""));
    let added = docs(&home, &["add", kit.to_str().unwrap()]);
    let report = json(&added);
    assert_eq!(report["skipped"].as_array().unwrap().len(), 0, "{report}");
    for (word, document, heading) in [
        ("alfalfa", "guide.md", "Pumps"),
        ("bramble", "notes.txt", ""),
        ("cobalt", "page.html", "Tanks"),
        ("damson", "table.csv", ""),
        ("ebony", "list.jsonl", ""),
        ("fennel", "manual.rst", "Ladders"),
        ("garnet", "manual.pdf", "Chlorine"),
    ] {
        let found = json(&docs(&home, &["search", word]));
        let passage = &found["passages"][0];
        assert_eq!(
            (passage["document"].as_str(), passage["heading"].as_str()),
            (Some(document), Some(heading)),
            "{found}"
        );
        assert!(passage["text"].as_str().unwrap().contains(word));
        assert_eq!(passage["page"].as_u64(), (word == "garnet").then_some(2));
    }
    let status = json(&docs(&home, &["status"]));
    assert_eq!((status["documents"].as_u64(), status["waiting"].as_u64()), (Some(7), Some(0)));
    let removed = json(&docs(&home, &["remove", "manual.pdf", "notes.txt"]));
    assert_eq!(removed["removed"].as_array().unwrap().len(), 2);
    assert!(json(&docs(&home, &["search", "garnet"]))["passages"].as_array().unwrap().is_empty());
}

#[test]
fn hostile_files_have_a_reason_and_no_effect() {
    let room = tempfile::tempdir().unwrap();
    let (home, kit) = (room.path().join("home"), room.path().join("kit"));
    std::fs::create_dir(&kit).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(kit.join(name), bytes).unwrap();
    let locked = "/Encrypt << /Filter /Standard /V 1 /R 2 /O (01234567890123456789012345678901) \
                  /U (01234567890123456789012345678901) /P -4 >> /ID [(a) (a)]";
    write("locked.pdf", &pdf(&["Secret\nWords."], locked));
    write("torn.pdf", &pdf(&["Whole\nWords."], "")[..60]);
    write("scan.pdf", &pdf(&[""], ""));
    write("bomb.xlsx", &bomb());
    write("quotes.csv", &[b"a,b\n\"".to_vec(), b"x,".repeat(4 << 20)].concat());
    write("commas.csv", &b",".repeat(8 << 20));
    write("deep.json", &b"[".repeat(8 << 20));
    write("deep.html", &b"<div>".repeat(1 << 20));
    write("deep.md", &b"> ".repeat(1 << 20));
    write("brackets.md", &b"![".repeat(1 << 20));
    std::fs::File::create(kit.join("line.txt")).unwrap().write_all(&b"word ".repeat(4 << 20)).unwrap();
    write("good.md", b"# Radio\n\nUse channel nine.\n");
    // The bound is the system's, so that it holds for whatever a library does.
    let script = format!(
        "{} exec \"$@\"",
        if cfg!(target_os = "linux") { format!("ulimit -v {};", address_space()) } else { String::new() }
    );
    let output = Command::new("sh")
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_halligan"), "--home"])
        .arg(&home)
        .args(["docs", "add", "--json"])
        .arg(&kit)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = json(&output);
    let reason = |name: &str| {
        let skipped = report["skipped"].as_array().unwrap();
        skipped.iter().find(|one| one["name"] == name).map(|one| one["reason"].as_str().unwrap().to_owned())
    };
    for (name, wanted) in [
        ("locked.pdf", "encrypted"),
        ("torn.pdf", "broken"),
        ("scan.pdf", "no_text"),
        ("bomb.xlsx", "zip_bomb"),
        ("line.txt", "too_large"),
        ("deep.json", "broken"),
        ("commas.csv", "empty"),
    ] {
        assert_eq!(reason(name).as_deref(), Some(wanted), "{name}: {report}");
    }
    assert!(!json(&docs(&home, &["search", "channel"]))["passages"].as_array().unwrap().is_empty());
    let waiting = json(&docs(&home, &["status"]));
    assert_eq!(waiting["waiting"].as_u64(), Some(0));
}

#[cfg(target_os = "linux")]
fn address_space() -> u64 {
    ADDRESS_SPACE_MAX_KIB
}

#[cfg(not(target_os = "linux"))]
fn address_space() -> u64 {
    0
}

/// An archive of a few hundred kilobytes that unpacks to 400 MB of zeros.
fn bomb() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    archive.start_file("xl/worksheets/sheet1.xml", options).unwrap();
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..400 {
        archive.write_all(&zeros).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn ingest_that_is_killed_at_any_moment_ends_whole() {
    let room = tempfile::tempdir().unwrap();
    let (home, kit) = (room.path().join("home"), room.path().join("kit"));
    std::fs::create_dir(&home).unwrap();
    std::fs::create_dir(&kit).unwrap();
    for number in 0..60 {
        let sections: String = (0..40)
            .map(|section| format!("## Section {section}\n\nDocument{number} says word{section}.\n\n"))
            .collect();
        std::fs::write(kit.join(format!("{number:02}.md")), sections).unwrap();
    }
    let mut paths: Vec<String> = vec![kit.to_str().unwrap().to_owned()];
    for delay in [0, 5, 15, 30, 45, 60, 80, 100, 130] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_halligan"))
            .arg("--home")
            .arg(&home)
            .args(["docs", "add"])
            .args(&paths)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        // On Unix this is SIGKILL.
        let _ = child.kill();
        child.wait().unwrap();
        let status = json(&docs(&home, &["status"]));
        let sum = status["documents"].as_u64().unwrap() + status["waiting"].as_u64().unwrap();
        assert!(sum == 0 || sum == 60, "{status}");
        assert_eq!(status["passages"].as_u64().unwrap(), 40 * status["documents"].as_u64().unwrap(), "{status}");
        // Once the files are queued, no path is needed any more.
        if sum == 60 {
            paths.clear();
        }
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    docs(&home, &[&["add"], &paths[..]].concat());
    let status = json(&docs(&home, &["status"]));
    assert_eq!((status["documents"].as_u64(), status["passages"].as_u64()), (Some(60), Some(2400)), "{status}");
    assert_eq!(status["skipped"].as_array().unwrap().len(), 0);
    let found = json(&docs(&home, &["search", "document59 word39", "--limit", "1"]));
    assert_eq!(found["passages"][0]["document"], "59.md");
}

#[test]
fn adding_only_what_cannot_be_read_fails_and_names_it() {
    let room = tempfile::tempdir().unwrap();
    let picture = room.path().join("picture.png");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    let output = docs(&room.path().join("home"), &["add", picture.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["skipped"][0]["reason"], "binary");
}
