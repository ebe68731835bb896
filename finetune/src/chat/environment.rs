//! The Jinja dialect of chat templates: what model authors write for the `transformers` library.
//!
//! Rendering reads no clock: a template that asks for the date gets a fixed one, so the same row makes the
//! same tokens on every day. Work is bounded by fuel and recursion, because a template comes with a file.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind};

/// Instructions that one rendering may take.
const FUEL: u64 = 5_000_000;
/// Nested calls that one rendering may make.
const RECURSION: usize = 200;

/// An environment for chat templates, without a template.
pub(super) fn chat_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.unwrap_or_default());
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", |format: &str| fixed_date(format));
    environment.add_filter("tojson", |value: &Value, indent: Option<Value>, args: Kwargs| {
        let html = minijinja::filters::tojson(value, indent, args)?;
        Ok::<_, Error>(without_html_escapes(html.as_str().unwrap_or_default()))
    });
    environment
}

/// The template without transformers' `{% generation %}` blocks, which only mark the assistant's text: spans are
/// found by rendering here. They become blocks that always hold, so that white space is trimmed all the same.
pub(super) fn without_generation_marks(source: &str) -> String {
    let mut text = String::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("{%") {
        let Some((tag, after)) = after.split_once("%}") else { break };
        let word = tag.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        let tag = match word {
            "generation" => tag.replace(word, "if true"),
            "endgeneration" => tag.replace(word, "endif"),
            _ => tag.to_owned(),
        };
        text += before;
        text += "{%";
        text += &tag;
        text += "%}";
        rest = after;
    }
    text + rest
}

/// 26 July 2024, the date that Llama 3 templates fall back to, in a `strftime` format.
fn fixed_date(format: &str) -> String {
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('d') => text.push_str("26"),
            Some('b') => text.push_str("Jul"),
            Some('B') => text.push_str("July"),
            Some('m') => text.push_str("07"),
            Some('Y') => text.push_str("2024"),
            Some('y') => text.push_str("24"),
            Some('a') => text.push_str("Fri"),
            Some('A') => text.push_str("Friday"),
            Some('H' | 'M' | 'S') => text.push_str("00"),
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}

/// The built-in filter escapes four characters for HTML; chat templates expect plain JSON.
fn without_html_escapes(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(position) = rest.find('\\') {
        text.push_str(&rest[..position]);
        rest = &rest[position..];
        let plain = [("\\u003c", '<'), ("\\u003e", '>'), ("\\u0026", '&'), ("\\u0027", '\'')];
        if let Some((escape, character)) = plain.iter().find(|(e, _)| rest.starts_with(e)) {
            text.push(*character);
            rest = &rest[escape.len()..];
        } else {
            // An escape is at least two ASCII characters: take both, so that `\\u003c` stays as it is.
            let both = rest.len().min(2);
            text.push_str(&rest[..both]);
            rest = &rest[both..];
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &'static str) -> Result<String, Error> {
        let items = Value::from_pairs([("name", Value::from("<a> \\u003c 'b'"))]);
        chat_environment().render_str(source, Value::from_pairs([("item", items)]))
    }

    #[test]
    fn json_is_plain_and_spaced() {
        let text = render("{{ item | tojson }}").unwrap();
        assert_eq!(text, r#"{"name": "<a> \\u003c 'b'"}"#);
    }

    #[test]
    fn python_methods_and_loop_controls_work() {
        let source = "{% for x in [1,2,3] %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}\
                      {{ 'a,b'.split(',')[1].upper() }}";
        assert_eq!(render(source).unwrap(), "12B");
    }

    #[test]
    fn raised_exceptions_keep_their_text() {
        let error = render("{{ raise_exception('roles must alternate') }}").unwrap_err();
        assert!(error.to_string().contains("roles must alternate"));
    }

    #[test]
    fn the_date_is_fixed() {
        assert_eq!(render("{{ strftime_now('%d %b %Y') }}").unwrap(), "26 Jul 2024");
    }

    #[test]
    fn endless_templates_run_out_of_fuel() {
        let source = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
        assert!(render(source).is_err());
    }
}
