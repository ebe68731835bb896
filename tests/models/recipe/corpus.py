"""The text that the small tokenizers learn from, and the texts that try to confuse them.

Written for this purpose; escaped, so that this file is plain ASCII.
"""

LESSONS = [
    "The valve on the north pump is open. The valve on the south pump is closed.",
    "When the pressure falls below 40 psi, close the valve and call the engineer.",
    "Responders carry the radio, the map, the water and the first aid kit.",
    "What is the flash point of the liquid in the tank? It is 23 degrees.",
    "The wind turned at 14:35 and the fire moved towards the ridge.",
    "Don't open the door before you've checked that it isn't hot; they'll wait and we're ready.",
    "I'm sure that he'd have called if she'd seen smoke. It's the crew's decision.",
    "Keep 300 meters upwind of the spill. Keep 1200 meters away from the tank if it is on fire.",
    "Send water, foam and two crews to the bridge. Send the report to headquarters at 06:00.",
    "The nurse measured 120 over 80, pulse 72, temperature 36.6.",
    "Step 1: stop the pump. Step 2: drain the hose. Step 3: check the filter. Step 4: start the pump again.",
    "fn pressure(values: &[f32]) -> f32 { values.iter().sum::<f32>() / values.len() as f32 }",
    "def check(pump, limit=40):",
    "    if pump.pressure < limit:",
    "        return \"close the valve\"",
    "    return \"wait\"",
    "for (int i = 0; i < 10; i++) { total += values[i]; }",
    "SELECT name, pressure FROM pumps WHERE pressure < 40 ORDER BY name;",
    "<html><body><p class=\"note\">closed</p></body></html>",
    "{\"role\": \"user\", \"content\": \"Is the valve open?\", \"turn\": 12}",
    "https://example.org/maps/north?zoom=12&layer=roads",
    "\u0397 \u03b2\u03ac\u03bd\u03b1 \u03c4\u03b7\u03c2 \u03b2\u03cc\u03c1\u03b5\u03b9\u03b1\u03c2 \u03b1"
    "\u03bd\u03c4\u03bb\u03af\u03b1\u03c2 \u03b5\u03af\u03bd\u03b1\u03b9 \u03b1\u03bd\u03bf\u03b9\u03c7"
    "\u03c4\u03ae. \u039a\u03bb\u03b5\u03af\u03c3\u03c4\u03b5 \u03c4\u03b7 \u03b2\u03ac\u03bd\u03b1 \u03c0"
    "\u03c1\u03b9\u03bd \u03b1\u03c0\u03cc \u03c4\u03bf\u03bd \u03ad\u03bb\u03b5\u03b3\u03c7\u03bf.",
    "\u039f \u03ac\u03bd\u03b5\u03bc\u03bf\u03c2 \u03b3\u03cd\u03c1\u03b9\u03c3\u03b5 \u03ba\u03b1\u03b9 "
    "\u03b7 \u03c6\u03c9\u03c4\u03b9\u03ac \u03ba\u03b9\u03bd\u03ae\u03b8\u03b7\u03ba\u03b5 \u03c0\u03c1"
    "\u03bf\u03c2 \u03c4\u03b7\u03bd \u03ba\u03bf\u03c1\u03c5\u03c6\u03ae.",
    "Die Pumpe im S\xfcden ist geschlossen; das Ventil bleibt f\xfcr die \xdcbung ge\xf6ffnet.",
    "Le tuyau est cass\xe9, l'\xe9quipe r\xe9pare la fen\xeatre \xe0 c\xf4t\xe9 du r\xe9servoir.",
    "El ni\xf1o lleg\xf3 a la estaci\xf3n ma\xf1ana por la tarde.",
    "\u041d\u0430\u0441\u043e\u0441 \u043e\u0441\u0442\u0430\u043d\u043e\u0432\u043b\u0435\u043d, \u043a"
    "\u043b\u0430\u043f\u0430\u043d \u0437\u0430\u043a\u0440\u044b\u0442.",
    "\u6c34\u6cf5\u5df2\u7ecf\u505c\u6b62 \u9600\u95e8\u5173\u95ed",
    "\u30dd\u30f3\u30d7\u3092\u6b62\u3081\u3066\u304f\u3060\u3055\u3044",
    "The team met the second team at the station. The station is north of the river, the river is north of "
    "the road.",
    "Check the hose, check the filter, check the pump, and check the valve again.",
    "Temperature and humidity: 31 C, 18 %. Wind: 25 km/h from the north-west.",
    "A crew of five needs at least 15 liters of water for one day of work in the heat.",
    "If the radio fails, walk to the ridge and wait there for the others.",
    "The answer was wrong, the correction was stored, and the next answer was right.",
]

# What makes each text hard, and the text.
HOSTILE = {
    "empty": "",
    "plain words": "The valve is open.",
    "leading and trailing spaces": "  valve  ",
    "one space": " ",
    "runs of spaces": "a  b   c    d     e      f        g",
    "seventeen spaces and a word": " " * 17 + "x",
    "tabs": "\tone\t\ttwo \t three\t",
    "newlines": "one\ntwo\n\nthree\n\n\nfour\n",
    "carriage returns": "one\r\ntwo\r\n\r\nthree\rfour",
    "whitespace of all kinds": " \n \t\n  \r\n\t \n\n   x\n ",
    "wide and narrow spaces": "a\xa0b\u2003c\u3000d\u2009e\u202ff\u200bg\u2060h\ufeffi",
    "digits": "1 12 123 1234 12345 1234567890 007 3.14159 1,000,000",
    "digits of other scripts": "\u0661\u0662\u0663 \u0967\u0968\u0969 \uff11\uff12\uff13 \xb2\xb3\xbd\u2167",
    "apostrophes": "I'm you're he's we'll they've she'd can't 's 'S 'RE 'Ll 'x '' '",
    "upper-case apostrophes": "I'M YOU'RE HE'S WE'LL THEY'VE SHE'D CAN'T",
    "curly apostrophes": "it\u2019s \u2018quoted\u2019 \u201cdouble\u201d",
    "Greek": (
        "\u0397 \u03b2\u03ac\u03bd\u03b1 \u03b5\u03af\u03bd\u03b1\u03b9 \u03b1\u03bd\u03bf\u03b9\u03c7"
        "\u03c4\u03ae; \u039a\u03bb\u03b5\u03af\u03c3\u03c4\u03b5 \u03c4\u03b7\u03bd!"
    ),
    "Greek polytonic, composed and decomposed": (
        "\u1f04\u03bd\u03b8\u03c1\u03c9\u03c0\u03bf\u03c2 \u03b1\u0313\u0301\u03bd\u03b8\u03c1\u03c9\u03c0"
        "\u03bf\u03c2 \u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"
    ),
    "combining marks": "e\u0301 \xe9 n\u0303 a\u0308\u0323 \u0323\u0308 q\u0307\u0323 \u0301start",
    "Chinese and Japanese": (
        "\u6c34\u6cf5\u5df2\u7ecf\u505c\u6b62\u3002\u30dd\u30f3\u30d7\u3092\u6b62\u3081\u3066\uff01"
    ),
    "Korean, composed and jamo": "\ubc38\ube0c\ub97c \u1107\u1162\u11af",
    "Arabic and Hebrew": (
        "\u0627\u0644\u0635\u0645\u0627\u0645 \u0645\u0641\u062a\u0648\u062d \u05d4\u05e9\u05e1\u05ea\u05d5"
        "\u05dd \u05e1\u05d2\u05d5\u05e8"
    ),
    "Devanagari and Thai": "\u0935\u093e\u0932\u094d\u0935 \u0e27\u0e32\u0e25\u0e4c\u0e27\u0e1b\u0e34\u0e14",
    "emoji": "\U0001f525\U0001f692 fire \U0001f6a8!",
    "emoji joined by zero-width joiners": (
        "\U0001f469\u200d\U0001f692 \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \u2764\ufe0f"
        "\u200d\U0001f525"
    ),
    "flags, skin tones, keycaps": "\U0001f1ec\U0001f1f7 \U0001f44d\U0001f3fd 1\ufe0f\u20e3 \u26a0\ufe0f",
    "letters outside the first plane": "\U0001d400\U0001d4d0 \U00010348 \U00020bb7\u91ce\u5bb6",
    "Rust": "fn main() {\n    let x = vec![1, 2, 3];\n\tprintln!(\"{x:?}\"); // done\n}\n",
    "Python": "def f(x):\n    if x != 0:\n        return x**2 + 1\n    return None\n",
    "operators": "a->b::c<=d>=e!=f&&g||h+=1--++**//<<>>===...;;??@@##$$%%^^~~``\\\\",
    "address and mail": "https://example.org/a_b/c-d?e=f&g=%20#h someone@example.org",
    "camel case and underscores": "getHTTPResponse_code snake_case SCREAMING_CASE x1y2z3",
    "special-token look-alikes": "<|im_start|>user\nhi<|im_end|>\n<s>a</s> <unk><pad>",
    "more look-alikes": "<|endoftext|><|begin_of_text|><|eot_id|><|end|><start_of_turn>user<end_of_turn><bos><eos>",
    "broken look-alikes": "<|im_start <|im_start|| |im_end|> < s > </ s> <|IM_START|> <|im_end|>x<|im_end|>",
    "added words that are not special": "<tool_call>{\"name\": 1}</tool_call> <think>\n\n</think>",
    "names of byte tokens": "<0x0A> <0xFF> \u2581valve \u2581\u2581 \u0120valve \u010a ##ing [CLS] [UNK] [MASK]",
    "control characters": "a\x01b\x07c\x1bd\x7fe\x85f",
    "null": "a\x00b",
    "bidirectional marks and soft hyphen": "a\u202eb\u202cc\xadd\u2066e\u2069",
    "ligatures and full width": "\ufb01lter \uff30\uff35\uff2d\uff30 \u2460\u2122 \u01c4",
    "letters that change length in lower case": "\u0130stanbul STRASSE stra\xdfe \u1e9e \u03a3\u03c3\u03c2",
    "unassigned and private": "\u0378 \ue000 \U000f0000 \ufffd \ufffe",
    "a long word": "pneumono" * 12,
    "one character again and again": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ========================= .....",
    "ends in spaces before a newline": "end   \n   next   \n\n   last   ",
}
