//! Source code: definitions by tree-sitter, each with the scope that encloses it.
//!
//! A definition that fits into a chunk is kept whole, with the comments and attributes before it. A larger one is
//! opened and its parts are read under its name; what is left over (imports, constants, braces) is packed with
//! its neighbours.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::{Duration, Instant};

use halligan_runtime::documents::language::Language;
use tree_sitter::{Node, ParseOptions, Parser};

use super::super::chunk::ChunkKind;
use super::block::{Block, Cut, Note, Reading, trimmed};

/// Longest time for one file; a grammar should need a thousandth of it.
const PARSE_TIME_MAX: Duration = Duration::from_secs(20);
/// Deepest nesting that is opened; below it code is cut between lines.
const DEPTH_MAX: usize = 48;
/// Longest signature kept as the name of a scope, in characters.
const NAME_CHARS: usize = 120;

fn grammar(language: Language) -> tree_sitter::Language {
    match language {
        Language::Rust => tree_sitter_rust::LANGUAGE,
        Language::Python => tree_sitter_python::LANGUAGE,
        Language::C => tree_sitter_c::LANGUAGE,
        Language::Cpp => tree_sitter_cpp::LANGUAGE,
        Language::JavaScript => tree_sitter_javascript::LANGUAGE,
    }
    .into()
}

/// Node kinds that define something with a name.
fn definitions(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &[
            "function_item",
            "impl_item",
            "trait_item",
            "mod_item",
            "struct_item",
            "enum_item",
            "union_item",
            "macro_definition",
        ],
        Language::Python => &["function_definition", "class_definition", "decorated_definition"],
        Language::C => &["function_definition"],
        Language::Cpp => &[
            "function_definition",
            "class_specifier",
            "struct_specifier",
            "namespace_definition",
            "template_declaration",
            "enum_specifier",
        ],
        Language::JavaScript => &[
            "function_declaration",
            "generator_function_declaration",
            "class_declaration",
            "method_definition",
            "export_statement",
        ],
    }
}

/// The parse tree of `text`; `None` where the grammar took too long.
pub fn parse(text: &str, language: Language) -> Option<tree_sitter::Tree> {
    let mut parser = Parser::new();
    parser.set_language(&grammar(language)).ok()?;
    let started = Instant::now();
    let mut watch = |_: &tree_sitter::ParseState| {
        if started.elapsed() > PARSE_TIME_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut watch);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

/// Reads source code; `fits` says whether a range of it may be one chunk.
pub fn read(text: &str, language: Language, fits: &mut dyn FnMut(Range<usize>) -> bool) -> Reading {
    let Some(tree) = parse(text, language) else {
        let mut reading = super::plain::read_code(text, language.name());
        let detail = "the grammar took too long; it was cut at empty lines instead";
        reading.notes.push(Note::remark("no_syntax", detail));
        return reading;
    };
    let mut walk = Walk { text, language, fits, reading: Reading::default(), covered: 0, short: Vec::new() };
    walk.open(tree.root_node(), &Arc::from([]), 0);
    walk.rest(text.len(), &Arc::from([]));
    walk.name_whole();
    let mut reading = walk.reading;
    if tree.root_node().has_error() {
        let line = first_error(tree.root_node()).map_or(1, |node| node.start_position().row + 1);
        let detail = format!("it does not parse as {} (first at line {line}); the text is kept", language.name());
        reading.notes.push(Note::remark("syntax", detail));
    }
    reading
}

fn first_error(root: Node<'_>) -> Option<Node<'_>> {
    let mut node = root;
    loop {
        if node.is_error() || node.is_missing() {
            return Some(node);
        }
        let mut cursor = node.walk();
        let child = node.children(&mut cursor).find(Node::has_error)?;
        node = child;
    }
}

struct Walk<'a> {
    text: &'a str,
    language: Language,
    fits: &'a mut dyn FnMut(Range<usize>) -> bool,
    reading: Reading,
    /// Text before this byte is in a block.
    covered: usize,
    /// Names of definitions that are too short to have a block of their own.
    short: Vec<String>,
}

impl Walk<'_> {
    /// Reads the children of a node that is too large for one block.
    fn open(&mut self, node: Node<'_>, scope: &Arc<[String]>, depth: usize) {
        let mut cursor = node.walk();
        // Where the comments and attributes before the next definition begin.
        let mut leading: Option<usize> = None;
        for child in node.children(&mut cursor) {
            let kind = child.kind();
            if kind.contains("comment") || kind.contains("attribute") || kind == "decorator" {
                leading.get_or_insert(child.start_byte());
                continue;
            }
            let start = leading.take().unwrap_or(child.start_byte()).max(self.covered);
            let range = start..child.end_byte().max(start);
            if self.is_definition(child) {
                self.rest(start, scope);
                self.definition(child, range, scope, depth);
            } else if depth < DEPTH_MAX && (self.holds_definitions(child) || self.too_large(child, &range)) {
                self.open(child, scope, depth + 1);
            } else {
                self.piece(range, scope);
            }
        }
    }

    fn too_large(&mut self, node: Node<'_>, range: &Range<usize>) -> bool {
        node.child_count() > 0 && !(self.fits)(range.clone())
    }

    fn definition(&mut self, node: Node<'_>, range: Range<usize>, scope: &Arc<[String]>, depth: usize) {
        let inner: Arc<[String]> = scope.iter().cloned().chain([self.name(node)]).collect();
        if (self.fits)(range.clone()) || depth >= DEPTH_MAX {
            self.covered = range.end;
            if let Some(range) = trimmed(self.text, range) {
                // One line, such as `mod a;`, is packed with its neighbours.
                let alone = node.end_position().row > node.start_position().row;
                if !alone {
                    self.short.extend(inner.last().cloned());
                }
                let heading = if alone { &inner } else { scope };
                self.push(Block { alone, ..Block::prose(self.indented(range), heading) });
            }
        } else {
            self.open(node, &inner, depth + 1);
            self.rest(node.end_byte(), &inner);
        }
    }

    /// A small file that becomes one chunk stands under the names of all that it defines.
    fn name_whole(&mut self) {
        let whole = self.reading.blocks.iter().all(|block| !block.alone && block.heading.is_empty());
        if whole && !self.short.is_empty() && (self.fits)(0..self.text.len()) {
            let names: Arc<[String]> = Arc::from([shortened(&self.short.join(", "))]);
            self.reading.blocks.iter_mut().for_each(|block| block.heading = Arc::clone(&names));
        }
    }

    /// Text up to `end` that no child took: braces, keywords, comments at the end.
    fn rest(&mut self, end: usize, scope: &Arc<[String]>) {
        if self.covered < end {
            self.piece(self.covered..end, scope);
        }
    }

    fn piece(&mut self, range: Range<usize>, scope: &Arc<[String]>) {
        let range = self.covered.min(range.start)..range.end;
        self.covered = self.covered.max(range.end);
        let Some(range) = trimmed(self.text, range) else { return };
        let range = self.indented(range);
        let opening = !self.text[range.clone()].chars().any(char::is_alphanumeric);
        if let Some(last) = self.reading.blocks.last_mut()
            && !last.alone
            && last.heading == *scope
            && (self.fits)(last.range.start..range.end)
        {
            last.range.end = range.end;
            return;
        }
        self.push(Block { opening, ..Block::prose(range, scope) });
    }

    /// The range from the start of its first line, if only white space stands before it.
    fn indented(&self, range: Range<usize>) -> Range<usize> {
        let line = self.text[..range.start].rfind('\n').map_or(0, |end| end + 1);
        let before = &self.text[line..range.start];
        if before.trim().is_empty() { line..range.end } else { range }
    }

    fn push(&mut self, block: Block) {
        let language = Some(self.language.name().to_owned());
        self.reading.blocks.push(Block { kind: ChunkKind::Code, cut: Cut::Lines, language, ..block });
    }

    fn is_definition(&self, node: Node<'_>) -> bool {
        // `struct x y;` in C++ is a use, not a definition.
        let body = node.kind().ends_with("_specifier").then(|| node.child_by_field_name("body").is_some());
        definitions(self.language).contains(&node.kind()) && body != Some(false)
    }

    fn holds_definitions(&self, node: Node<'_>) -> bool {
        let of_class = || node.parent().is_some_and(|parent| parent.kind() == "class_definition");
        node.kind() == "block" && of_class()
            || matches!(
                node.kind(),
                "declaration_list"
                    | "linkage_specification"
                    | "class_body"
                    | "field_declaration_list"
                    | "preproc_if"
                    | "preproc_ifdef"
            )
    }

    /// The signature: everything before the body, on one line.
    fn name(&self, node: Node<'_>) -> String {
        let inner = ["definition", "declaration"].iter().find_map(|field| node.child_by_field_name(field));
        let inner = inner.filter(|_| matches!(node.kind(), "decorated_definition" | "export_statement"));
        let node = inner.unwrap_or(node);
        let end = body(node).map_or(node.end_byte(), |body| body.start_byte());
        let text = crate::one_line(&self.text[node.start_byte()..end.max(node.start_byte())]);
        let text = text.trim_end_matches([':', '{', '=', ' ']);
        shortened(text)
    }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS) {
        Some((cut, _)) => format!("{}..", &name[..cut]),
        None => name.to_owned(),
    }
}

fn body(node: Node<'_>) -> Option<Node<'_>> {
    node.child_by_field_name("body").or_else(|| {
        let mut cursor = node.walk();
        node.children(&mut cursor).find_map(|child| child.child_by_field_name("body"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, language: Language, limit: usize) -> Vec<(String, String)> {
        let reading = read(text, language, &mut |range| range.len() <= limit);
        reading.blocks.iter().map(|block| (block.heading.join(" > "), block.text(text).trim().to_owned())).collect()
    }

    #[test]
    fn methods_stand_under_their_impl_with_their_comments() {
        let text = "use a::b;\n\n/// Reads.\nimpl Reader {\n    /// Next.\n    #[inline]\n    fn next(&mut self) -> u8 {\n        1\n    }\n\n    fn skip(&mut self) {\n        2;\n    }\n}\n";
        let seen = seen(text, Language::Rust, 90);
        let next = seen.iter().find(|(heading, _)| heading.contains("next")).unwrap();
        assert_eq!(next.0, "impl Reader > fn next(&mut self) -> u8");
        assert!(next.1.starts_with("/// Next.\n    #[inline]\n    fn next"), "{next:?}");
        assert!(seen.iter().any(|(heading, _)| heading == "impl Reader > fn skip(&mut self)"));
    }

    #[test]
    fn every_byte_but_white_space_is_in_a_block_and_in_order() {
        let text = include_str!("code.rs");
        for limit in [80, 400, 2000, 100_000] {
            let reading = read(text, Language::Rust, &mut |range| range.len() <= limit);
            let mut at = 0;
            for block in &reading.blocks {
                assert!(block.range.start >= at, "{limit}");
                assert_eq!(text[at..block.range.start].trim(), "", "limit {limit}");
                at = block.range.end;
            }
            assert_eq!(text[at..].trim(), "", "limit {limit}");
        }
    }

    #[test]
    fn each_language_names_its_scopes() {
        let python = "class A:\n    def go(self, x):\n        '''Goes.'''\n        return x\n\n    @wrap\n    def stop(self):\n        return 1\n";
        assert!(seen(python, Language::Python, 70).iter().any(|(h, _)| h == "class A > def stop(self)"));
        let cpp = "namespace n {\nclass A : public B {\n public:\n  int go(int x) {\n    return x;\n  }\n  int stop() {\n    return 2;\n  }\n};\n}\n";
        assert!(
            seen(cpp, Language::Cpp, 60).iter().any(|(h, _)| h == "namespace n > class A : public B > int go(int x)")
        );
        let c = "int f(void) {\n  return 1;\n}\n\nstatic int g(int a) {\n  return 2;\n}\n";
        assert!(seen(c, Language::C, 60).iter().any(|(h, _)| h == "static int g(int a)"));
        let js = "export class A {\n  go(x) {\n    return x;\n  }\n  stop() {\n    return 1;\n  }\n}\nfunction f() {\n  return 3;\n}\n";
        let js = seen(js, Language::JavaScript, 50);
        assert!(js.iter().any(|(h, _)| h.ends_with("class A > go(x)")), "{js:?}");
    }

    #[test]
    fn small_file_of_one_chunk_stands_under_the_names_of_all_it_defines() {
        let text = "const A: u8 = 1;\nfn open() -> u8 { 1 }\nfn close(a: u8) {}\n";
        let headings: Vec<_> = seen(text, Language::Rust, 400).into_iter().map(|(heading, _)| heading).collect();
        assert!(headings.iter().all(|heading| heading == "fn open() -> u8, fn close(a: u8)"), "{headings:?}");
        assert!(seen(text, Language::Rust, 30).iter().all(|(heading, _)| heading.is_empty()));
    }

    #[test]
    fn code_that_does_not_parse_is_kept_and_noted() {
        let text = "fn a( {\n\nfn b() -> ) }}}\n";
        let reading = read(text, Language::Rust, &mut |range| range.len() <= 10);
        let kept: String = reading.blocks.iter().map(|block| block.text(text)).collect();
        assert_eq!(kept.split_whitespace().collect::<String>(), text.split_whitespace().collect::<String>());
        assert_eq!(reading.notes[0].reason, "syntax");
    }

    #[test]
    fn very_deep_nesting_is_cut_not_overrun() {
        let text = format!("int x = {}1{};", "(".repeat(20_000), ")".repeat(20_000));
        let reading = read(&text, Language::C, &mut |range| range.len() <= 100);
        assert!(!reading.blocks.is_empty());
    }
}
