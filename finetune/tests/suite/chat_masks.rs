//! Tokens and training masks of conversations against transformers' `return_assistant_tokens_mask`, in three styles
//! of templates (`goldens/make_chat_masks.py`).

use std::path::Path;

use halligan_finetune::{
    chat::{ChatTemplate, Message},
    gguf::GgufFile,
    tokenizer::Tokenizer,
};

#[derive(serde::Deserialize)]
struct Golden {
    style: String,
    template: String,
    messages: Vec<Message>,
    tokens: Vec<u32>,
    mask: Vec<u8>,
}

#[test]
fn tokens_and_masks_are_those_of_transformers_in_three_styles_of_templates() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../trainer-host/base/halligan-base-q8_0.gguf");
    let tokenizer = Tokenizer::from_gguf(&GgufFile::open(base).unwrap()).unwrap();
    let goldens: Vec<Golden> = serde_json::from_str(include_str!("../goldens/chat_masks.json")).unwrap();
    assert_eq!(goldens.len(), 12);
    for Golden { style, template, messages, tokens, mask } in goldens {
        let template = ChatTemplate::new(&template, "<|begin|>".to_owned(), "<|end|>".to_owned()).unwrap();
        let ours = template.encode_conversation(&tokenizer, &messages).unwrap();
        assert_eq!(ours.tokens, tokens, "{style}: {messages:?}");
        let ours: Vec<u8> = ours.trained.iter().map(|&trained| u8::from(trained)).collect();
        assert_eq!(ours, mask, "{style}: {messages:?}");
    }
}
