"""Words for make_tool_calls.py: frames and names, each as a pair of training and held-out pool."""

# Sums in words: the base has one and the same vector for + * / = ( ) % _ and all other characters that its own
# training text lacked, so it can neither tell them apart nor write them where the grammar leaves a choice.
SUMS = (
    ["{a} times {b}", "{a} times {b}", "{a} plus {b}", "{a} plus {b}", "{a} minus {b}", "{a} minus {b}", "{a} divided by {b}",
     "{a} divided by {b}", "{a} multiplied by {b}", "square root of {a}", "{p} percent of {b}", "{a} plus {b} plus {c}",
     "{a} times {b} minus {c}", "{a} minus {b} plus {c}", "{a} x {b}", "{a} - {b}"],
    ["{a} times {b}", "{a} plus {b}", "{a} minus {b}", "{a} divided by {b}", "square root of {a}", "{p} percent of {b}",
     "{a} times {b} plus {c}", "{a} plus {b} minus {c}"],
)
SUM_FRAMES = (
    ["What is {sum}?", "Calculate {sum}.", "How much is {sum}?", "Compute {sum}.", "{sum}", "Work out {sum}.",
     "What's {sum}?", "I need {sum}.", "Tell me {sum}.", "what is {sum}", "Please calculate {sum}.", "Give me {sum}.",
     "Can you work out {sum}?", "How much does {sum} come to?", "How much is {sum} in all?"],
    ["How much does {sum} make?", "Could you calculate {sum}?", "Quick math: {sum}?", "Halligan, what is {sum}?"],
)

# Units of one kind each, as spoken; the call has them as they were said.
UNITS = [
    ["gpm", "gallons per minute", "liters per minute", "cfm", "liters per second", "lpm", "cubic feet per minute", "gallons per hour"],
    ["feet", "meters", "yards", "inches", "miles", "kilometers", "km", "ft", "chains", "cm", "mm", "m", "nautical miles"],
    ["acres", "hectares", "square miles", "square feet", "square meters", "ha", "square kilometers"],
    ["gallons", "liters", "barrels", "cubic feet", "quarts", "pints", "cubic meters", "gal", "L", "cubic yards", "mL"],
    ["psi", "kPa", "bar", "inHg", "mmHg", "atm", "feet of water", "kilopascals", "inches of mercury", "hPa"],
    ["mph", "kph", "knots", "miles per hour", "feet per second", "meters per second", "kilometers per hour"],
    ["pounds", "kg", "kilograms", "ounces", "lb", "grams", "tonnes", "oz"],
    ["F", "C", "K", "Celsius", "degrees C", "degrees F"],
    ["hp", "kW", "watts", "horsepower", "kilowatts"],
]
UNIT_FRAMES = (
    ["Convert {v} {f} to {t}.", "{v} {f} to {t}", "{v} {f} in {t}", "What is {v} {f} in {t}?", "How much is {v} {f} in {t}?",
     "Change {v} {f} into {t}.", "Give me {v} {f} in {t}.", "I need {v} {f} in {t}.", "How many {t} are {v} {f}?",
     "How many {t} is {v} {f}?", "Express {v} {f} in {t}.", "How many {t} are in {v} {f}?",
     "Please convert {v} {f} to {t}.", "Turn {v} {f} into {t}."],
    ["What are {v} {f} in {t}?", "Could you convert {v} {f} to {t}?", "How many {t} do {v} {f} make?", "Halligan, {v} {f} in {t}?"],
)

DISTANCE_FRAMES = (
    ["How far is it from {a} to {b}?", "Distance from {a} to {b}?", "What is the distance from {a} to {b}?",
     "What is the bearing from {a} to {b}?", "Bearing from {a} to {b}?", "Measure from {a} to {b}.",
     "Give me distance and bearing from {a} to {b}.", "How far from {a} to {b}?", "distance between {a} and {b}",
     "What is the distance between {a} and {b}?", "We are at {a}. How far is {b}?",
     "What is the distance to {b} from {a}?", "Measure to {b} from {a}."],
    ["How far is {b} from {a}?", "Tell me the distance from {a} to {b}.", "Which bearing leads from {a} to {b}?",
     "How many miles is it from {a} to {b}?"],
)

NUMBER_FRAMES = (
    ["What is {s}?", "Look up {s}.", "{s}", "{s}?", "What does the table say about {s}?", "Look up {s} in the hazard table.",
     "The placard says {s}.", "We have a tank with {s}.", "Which guide covers {s}?", "What class is {s}?", "Hazard lookup {s}.",
     "Tell me about {s}.", "A truck carries {s}.", "what is {s}", "What are the hazards of {s}?", "Check {s} in the table.",
     "The label says {s}, what now?", "We carry {s}, tell me about it.", "There is {s}, which guide?"],
    ["Can you look up {s}?", "The sign reads {s}, what is it?", "Which substance is {s}?", "Find {s} in the hazard table."],
)
NAME_FRAMES = (
    ["Look up {s} in the hazard table.", "What does the hazard table say about {s}?", "Hazard lookup {s}.", "hazard table: {s}",
     "Show the hazard record of {s}.", "Check {s} in the hazard table.", "Find {s} in the hazard table.",
     "Give me the hazard record of {s}.", "What does the table have on {s}?", "Hazard data for {s}?"],
    ["Can you look up {s} in the hazard table?", "Read me the hazard record of {s}.", "What is in the hazard table about {s}?"],
)
SUBSTANCES = (
    ["acetone", "chlorine", "methanol", "propane", "gasoline", "ammonia", "toluene", "benzene", "ethanol", "styrene", "phenol",
     "butane", "hexane", "xylene", "diesel fuel", "dry ice", "oxygen", "acetylene", "kerosene", "lithium ion batteries",
     "carbon disulfide", "white phosphorus", "carbon monoxide", "phosgene", "turpentine", "bromine", "fluorine", "nitrogen", "argon",
     "isobutane", "hydrazine", "aniline", "cyclohexane", "pentane", "heptane", "paint thinner", "crude oil", "aviation gas",
     "wood alcohol", "road tar", "dynamite", "chloroform", "ether", "naphtha", "asphalt", "camphor", "charcoal", "cresol"],
    ["naphthalene", "isopropanol", "magnesium", "jet fuel", "helium", "acrolein", "glycerin", "motor oil", "pine oil"],
)
FIRST_PARTS = (
    ["sodium", "potassium", "calcium", "ammonium", "hydrogen", "methyl", "ethyl", "butyl", "vinyl", "zinc", "barium", "copper", "lead",
     "lithium", "silver", "iron", "nickel", "benzyl", "allyl", "propyl", "aluminum", "tin"],
    ["magnesium", "mercury", "phenyl", "cobalt", "sulfur"],
)
LAST_PARTS = (
    ["chloride", "bromide", "nitrate", "hydroxide", "oxide", "cyanide", "sulfide", "acetate", "fluoride", "peroxide", "carbonate",
     "phosphide", "chlorate", "hydride", "iodide"],
    ["chloride", "nitrite", "sulfate", "formate", "azide"],
)
RECORDS = [
    "UN 1090 Acetone: class 3; packing group II; source: 49 CFR 172.101 (guide line 6).",
    "UN 1017 Chlorine: class 2.3; guide 124; initial isolation, small spill: 200 feet; idlh: 10 ppm (guide line 3).",
    "failed: no imported table has `styrene`; check the spelling or give the UN number",
    "UN 1978 Propane: class 2.1; guide 115; isolation distance, tank in fire: 1 mile (guide line 15).",
    "failed: no imported table has `UN 2055`; check the spelling or give the UN number",
    "UN 1830 Sulfuric acid: class 8; packing group II; source: 49 CFR 172.101 (guide line 13).",
]

CREWS = (
    ["Engine", "Ladder", "Truck", "Medic", "Crew", "Squad", "Rescue", "Tender", "Division", "Battalion", "Helicopter", "Dozer"],
    ["Ambulance", "Brush", "Tanker", "Boat"],
)
EVENTS = (
    ["on scene", "at {p}", "has water on {p}", "needs {n} feet of {g}", "is out of service", "reports smoke at {p}",
     "found {n} people at {p}", "searched {p}", "is low on {g}", "moved to {p}", "relieved by {u}", "evacuated {n} people from {p}",
     "requests more {g}", "reports all clear", "set up {p}", "closed {p}", "at {p} with {n} gallons", "shut off {g}", "left {p}",
     "wind now from the west", "returned to {p}", "is {n} feet from {p}", "has {n} missing people", "starts at {p}",
     "took over command", "brought {g} to {p}", "waits for {u} at {p}", "meets {u} at {p}", "ordered {g}", "lost {g} near {p}"],
    ["arrived at {p}", "found the hiker near {p}", "asks for {g}", "reports {n} feet of {g}", "is back at {p}", "opened {p}",
     "wind now from the north", "checked {p}"],
)
PLACES = (
    ["the staging area", "the first floor", "the north side", "the landing zone", "the road", "the river", "the ridge", "camp",
     "the bridge", "the command post", "the roof", "the east gate", "the school", "the lake", "the parking lot", "the trail",
     "the fire line", "the barn", "the station", "the cold zone", "the water tank", "the helispot"],
    ["the gate", "the tunnel", "the south side", "the second floor", "the harbor", "the mill", "the cabin"],
)
GEAR = (
    ["hose", "water", "foam", "fuel", "rope", "line", "power", "gas", "air", "radios", "lights", "food", "gloves", "saws", "pumps",
     "blankets", "batteries"],
    ["ladders", "helmets", "oxygen", "boots", "sand"],
)
LOG_FRAMES = (
    ["Log: {x}", "Log {x}", "Add to the log: {x}", "Log entry: {x}", "Write in the log: {x}", "Note in the log: {x}",
     "Put in the log: {x}", "Log that {x}", "log: {x}", "Please log: {x}", "Enter in the log: {x}", "New log entry: {x}"],
    ["Add a log entry: {x}", "Write to the log: {x}", "For the log: {x}", "Please add to the log: {x}"],
)

LIST_SUBJECTS = (
    ["morning", "engine", "decontamination", "landing zone", "hazmat", "evacuation", "swift water", "rope", "night", "radio", "pump",
     "camp", "crew", "patient", "search", "fire line", "saw", "helicopter", "shelter", "gas leak", "structure fire", "vehicle",
     "road", "ladder", "air", "ice", "trench", "command", "medical", "tool", "fuel", "battery", "weather", "supply", "ambulance"],
    ["evening", "boat", "water", "spill", "team", "hose", "cave", "bridge", "flood", "tanker"],
)
LIST_KINDS = (
    ["check", "line", "size-up", "rescue", "test", "closing", "briefing", "care", "start", "loading", "opening", "handover", "setup",
     "entry", "return", "", "", ""],
    ["check", "launch", "response", "inspection", "briefing", "drill"],
)
ITEMS = (
    ["Fuel and oil", "Water tank full", "Call command", "Close the road", "Check the radio", "Put on gloves", "Look up and around",
     "Count the crew", "Name a lookout", "Set the brake", "Measure the wind", "Mark the zone"],
    ["Fuel and oil"],
)
START_FRAMES = (
    ["Start the {n} checklist.", "Begin the {n} checklist.", "Start checklist {n}.", "Open the checklist {n}.",
     "Start the checklist for {n}.", "Let us do the {n} checklist.", "Checklist {n}, please.", "start the {n} checklist",
     "Go through the {n} checklist.", "Run the {n} checklist.", "Get the {n} checklist going.", "Checklist: {n}", "We start the {n} checklist now."],
    ["Please start the {n} checklist.", "Open the {n} checklist.", "Begin checklist {n}."],
)
NEXT_FRAMES = (
    ["what is next on the checklist?", "next item.", "next item, please.", "show the next item.", "what comes next on the checklist?",
     "which item is next?", "where are we on the checklist?", "read me the next item.", "what is the next item?",
     "next step of the checklist?"],
    ["tell me the next item.", "what is the next step of the checklist?"],
)
ITEM_FRAMES = (
    ["Item {i} is done.", "Tick item {i}.", "Mark item {i} as done.", "item {i} done", "Check off item {i}.", "We finished item {i}.",
     "Item {i} complete.", "Item {i} is ticked off.", "Item {i} is ready, tick it.", "Number {i} on the checklist is done."],
    ["Please tick item {i}.", "Item {i} is finished.", "We are done with item {i}."],
)
READ_FRAMES = (
    ["show the log.", "read the log.", "what is in the log?", "show me the incident log.", "read me the latest log entries.",
     "open the log.", "what was logged?", "display the log.", "list the log entries."],
    ["show me the log.", "read me the log.", "what does the log say?"],
)
LIST_FRAMES = (
    ["which checklists are there?", "list the checklists.", "show all checklists.", "what checklists do we have?",
     "name the checklists.", "show me the checklists.", "which checklists can we run?"],
    ["list all checklists.", "which checklists do we have?"],
)
OPENERS = (["", "", "Halligan, ", "Please, ", "OK, ", "Now, ", "Hey, ", "Crew asks: "], ["", "Thanks, ", "So, "])

TIME_FRAMES = (
    ["What time is it?", "Time?", "Tell me the time.", "What is the time now?", "Give me the time.", "What is the date?",
     "what time is it now", "Date and time, please.", "What day is it today?", "Current time?", "Time check.", "I need the time."],
    ["What time is it right now?", "Can you tell me the time?", "What is today's date?"],
)
CITY_FRAMES = (
    ["What time is it in {c}?", "Time in {c}?", "Tell me the time in {c}.", "What is the time in {c}?", "Give me {c} time.",
     "Current time in {c}?", "How late is it in {c}?", "what time is it in {c} now", "Date and time in {c}, please.",
     "I need the time in {c}."],
    ["Can you tell me the time in {c}?", "What time do they have in {c}?", "{c} time, please."],
)
CITIES = (
    ["Denver", "Chicago", "New York", "Phoenix", "Los Angeles", "Anchorage", "Honolulu", "London", "Berlin", "Paris", "Tokyo", "UTC",
     "Toronto", "Madrid", "Rome", "Vienna", "Athens", "Cairo", "Lima", "Bogota", "Sydney", "Auckland", "Manila", "Dublin", "Lisbon",
     "Oslo", "Warsaw", "Seoul", "Shanghai", "Singapore", "Jakarta", "Nairobi", "Detroit", "Boise", "Halifax", "Vancouver"],
    ["Helsinki", "Winnipeg", "Havana", "Brussels", "Mexico City", "Zurich", "Edmonton", "Bangkok"],
)

FAILURES = {
    "next_item": ["no checklist is open; start_checklist begins one"],
    "start_checklist": [
        "no checklist is called `night`; list_checklists shows them",
        "no checklist is called `pump`; list_checklists shows them",
    ],
    "item_done": ["Morning check has items 1 to 3, not 9", "no checklist is open; start_checklist begins one"],
    "convert_units": ["no unit `foot per`; near are ft, m", "psi and feet measure different things"],
    "time": ["no time zone `Atlantis`; write a name such as America/Denver or UTC"],
    "calculate": ["`5 over` has no value: it is no arithmetic"],
}

# What is said after a result; the device puts the tool's own words below.
SAID = "The tool says:"
REFUSED = "That was not done:"
FAILED = "That did not work:"
RECORD_SHOWN = "That is what the hazard table says."
NO_RECORD = "The hazard table does not have it."
