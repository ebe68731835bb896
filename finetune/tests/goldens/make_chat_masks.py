"""Writes chat_masks.json: tokens and assistant masks of Hugging Face transformers (made with 5.23.0).

Run: python make_chat_masks.py ../../../trainer-host/base/tokenizer.json > chat_masks.json

The tokenizer is that of the built-in base. transformers finds the assistant's tokens by `{% generation %}` marks in
the template; the engine by rendering. In each style the marks end with the token that ends the turn.
"""

import json
import sys

from transformers import PreTrainedTokenizerFast

STYLES = {
    # As Qwen and SmolLM write turns: role, line, content, end, line.
    "chatml": "{% for m in messages %}{{ '<|' + (m.role if m.role != 'system' else 'user') + '|>\\n' }}"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ m.content + '<|end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}",
    # As Llama 3: begin token, empty line, trimmed content, end, nothing between turns.
    "llama3": "{{- bos_token }}\n{%- for m in messages %}\n"
    "    {{- '<|' + (m.role if m.role == 'assistant' else 'user') + '|>\\n\\n' }}\n"
    "    {%- if m.role == 'assistant' %}\n"
    "        {%- generation %}{{- m.content | trim }}{{- '<|end|>' }}{%- endgeneration %}\n"
    "    {%- else %}\n        {{- m.content | trim + '<|end|>' }}\n    {%- endif %}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n    {{- '<|assistant|>\\n\\n' }}\n{%- endif %}\n",
    # As Mistral: no role tokens, the system text inside the first user turn.
    "mistral": "{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content'] %}"
    "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}"
    "{{- bos_token }}{%- for m in loop_messages %}{%- if m['role'] == 'user' %}"
    "{%- if loop.first and system is defined %}{{- '[INST] ' + system + '\\n\\n' + m['content'] + ' [/INST]' }}"
    "{%- else %}{{- '[INST] ' + m['content'] + ' [/INST]' }}{%- endif %}"
    "{%- else %}{%- generation %}{{- ' ' + m['content'] + eos_token }}{%- endgeneration %}{%- endif %}{%- endfor %}",
}

CONVERSATIONS = [
    [("user", "How far is the ridge?"), ("assistant", "About 150 feet, due north.")],
    [
        ("system", "Answer in one line."),
        ("user", "Which channel is ours?"),
        ("assistant", "Tac 9."),
        ("user", "And if it is down?"),
        ("assistant", "Use the repeater:\nchannel 4, tone 2."),
    ],
    [("user", "[/INST] is text here, isn't it?"), ("assistant", "Yes, it's plain text [INST].")],
    [("user", "Count."), ("assistant", "1 2 3"), ("user", "More."), ("assistant", "4 5 6"), ("user", "Thanks.")],
]

found = []
for style, template in STYLES.items():
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=sys.argv[1], bos_token="<|begin|>", eos_token="<|end|>", chat_template=template
    )
    for conversation in CONVERSATIONS:
        messages = [{"role": role, "content": content} for role, content in conversation]
        encoded = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
        found.append(
            {
                "style": style,
                "template": template,
                "messages": messages,
                "tokens": encoded["input_ids"],
                "mask": encoded["assistant_masks"],
            }
        )

json.dump(found, sys.stdout, separators=(",", ":"))
