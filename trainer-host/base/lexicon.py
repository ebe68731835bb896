"""The words of the invented world: general English of field manuals, and made-up names.

Why: the base model must read ordinary field English, so its vocabulary (words, not facts)
is the ordinary one. Every name of a substance, tool, place, team, signal or code is made up
from syllables or from word pairs, so no real fact can be learned.
"""

ADJECTIVES = """amber black blue bright broad brown clear cold cool copper dark deep double dry early eastern
empty fast fine flat forward front full general green grey hard heavy high hollow hot idle inner initial iron
large late leading left light local long loose low main major middle minor mobile narrow natural new northern
old open orange outer pale partial plain primary quick quiet rapid rear red rough round safe secondary senior
shallow sharp short silent silver single slow small smooth soft solid southern special spare steady steep
still straight strong tall temporary thick thin tight triple upper urgent warm western wet white wide wooden
yellow active backup basic careful central certain chief combined common complete confined critical damaged
dangerous dense direct distant emergency exposed extended extreme final fixed formal hidden immediate
independent indirect involved isolated joint known lost marked medical missing moving mutual nearby
normal official overhead portable possible prepared proper public rapid remote required rising rolling
routine rural sealed sensitive severe sheltered standard standing stranded structural sudden suitable thermal
trained unburned uncertain unknown unstable vertical visible volunteer windy wounded""".split()

THINGS = """anchor axe bag barrel barrier basket battery beacon bell belt blade blanket board boat boot bottle
bow box brace branch bridge brush bucket buoy cable camp cap card carrier cart chain channel chart chest chute clamp
clip clock coil collar compass cone container cord cover crane crate cross cup cutter cylinder dam deck dial
dock door drum engine fan fence ferry filter flag flare float foil frame fuse gate gauge generator glove grate
guard hammer handle harness harrow hatch helmet hinge hoist hook horn hose hull hut jacket kettle key
kit knife knot ladder lamp lantern latch lens lever lid lift line litter lock locker log loop mark mask mast mat
meter mirror monitor net nozzle oar pack pad panel pen pick pillar pipe plank plate plug pole post
pump quilt rack radio rail ramp rake reel ring rod roller rope saw scale scope screen shelter shield
shovel signal siren sled sling spade spark spear spike spool staff stage stake station stove strap stretcher
switch table tag tank tarp tent tool torch tower track tractor trailer tray truck tube valve vane vest wagon
wedge wheel whistle winch wire wrench""".split()

PLACES = """basin bay bend bluff canyon cape cave cliff coast corner cove creek crest crossing dale delta
depot ditch estate farm field flats forest fork fort garden glen gorge grove gulch harbor heath hill hollow
inlet island junction lake landing ledge marsh meadow mill mine moor mound orchard pass pasture peak plain
plateau pond quarry ranch range ravine reach ridge river road saddle shore slope spring strait summit swamp
terrace trail tunnel valley village warehouse wharf woods yard""".split()

WORK = """search sweep patrol drill watch check survey rescue carry lift crossing approach retreat attack burn
burnout cleanup closure count crawl descent climb entry escape evacuation flush handover hike hold inspection
landing launch march mopup operation pass probe pursuit pull relay release rehearsal response rotation round
scan shift sizeup shutdown signal stand start stop test tow tracking transfer transport turn visit wash
withdrawal briefing debrief decontamination extraction assessment""".split()

TEAMS = """crew squad team unit party company section group detail brigade platoon division""".split()
ROLES = """the duty officer|the crew leader|the watch captain|the safety lead|the radio operator|the medic|
the lookout|the line boss|the gate warden|the section chief|the pump operator|the rope captain|the pilot|
the search manager|the driver|the scribe|the site warden|the team leader|the supply clerk|the senior ranger|
the shift supervisor|the entry officer|the planning lead|the logistics lead|the air boss|the district manager|
the camp steward|the chief engineer|the boat master|the dog handler|the tracker|the liaison
officer|the area director""".replace("\n", " ").split("|")
ROLES = [" ".join(r.split()) for r in ROLES]
COLOURS = """red orange yellow green blue white black grey brown purple pink silver gold violet teal amber
crimson""".split()
DIRECTIONS = """upwind|downwind|uphill|downhill|upstream|downstream|to the north|to the south|to the east|
to the west|on the left flank|on the right flank|at the head|at the rear|at the heel|along the edge|in the middle|
from above|from below|crosswind""".replace("\n", "").split("|")
MATERIALS = """dry sand|wet sand|clean water|cold water|warm water|foam|dry powder|chalk dust|wool blankets|
fine gravel|clay|light oil|heavy oil|lime|ash|sawdust|steel wool|canvas|rubber|leather|cotton|brass|copper|iron|
plastic sheet|cork|wax paper|glass fibre|water spray|water fog|dry earth|dry chemical|soap and water|
absorbent pads""".replace("\n", "").split("|")
BODY = """hand arm head chest back neck foot leg knee ankle wrist shoulder face eye ear nose throat lung skin
finger""".split()
PEOPLE_FIRST = """Anna Ben Carla Dan Eva Frank Gina Hugo Iris Jon Kara Leo Mara Nils Olga Paul Rita Sam Tara
Uwe Vera Walt Yara Zane Maya Noel Petra Ross Sofia Tom""".split()
HAZARDS = """fire|poison|frost|blasts|burns|slips|falling rock|cave-in|drowning|choking|glare|stings|rust|static
charge|deep mud|fog|high wind|thin ice|heat stress|loud noise|sharp edges|hidden holes|rolling logs|sparks|
sudden floods|bad air|weak floors|loose wires|steam|toxic dust|eye damage|skin burns|heavy smoke|falling trees|
low visibility|avalanches|lightning""".replace("\n", " ").split("|")
HAZARDS = [" ".join(h.split()) for h in HAZARDS]
SYMPTOMS = """shivering|dizziness|headache|a dry mouth|blue lips|red eyes|slurred speech|a weak pulse|a rapid
pulse|confusion|pale skin|numb fingers|heavy sweating|nausea|a cough|blurred vision|tremors|a rash|drowsiness|
cramps|thirst|stiff joints|chest pain|hoarseness|hot dry skin|short breath|ringing ears|sore throat|swollen
hands|loss of balance""".replace("\n", " ").split("|")
SYMPTOMS = [" ".join(s.split()) for s in SYMPTOMS]
SMELLS = """burnt sugar|wet wool|garlic|almonds|rotten eggs|cut grass|old fish|vinegar|tar|fresh paint|pepper|
mint|damp earth|sour milk|orange peel|soap|bleach|pine|matches|new hay|bananas|onions|rust|hot glue
""".replace("\n", "").split("|")

VERBS = """anchor|block|brace|burn|call|carry|check|clear|close|collect|cool|count|cover|cross|cut|dig|drain|
drop|dry|empty|fill|flag|flush|follow|guard|hold|inspect|isolate|keep|label|leave|lift|light|lock|lower|mark|
measure|move|open|pack|post|press|pull|push|raise|read|report|rinse|scout|scrape|seal|search|secure|send|
shut|sound|split|stack|stop|store|strap|sweep|switch off|tag|test|tie|tow|turn|vent|wash|watch|wet|wipe|
withdraw""".replace("\n", "").split("|")
OBJECTS = """the gate|the valve|all doors|the lower hatch|the hose line|the edge|the fuel|the ropes|the radio|
the main road|every tool|the wind|the far bank|both ends|the spare key|the patient|the crew|the engine|
the loose rock|the dry grass|the outer ring|the tracks|the lookout|the drain|the pump|the weather|the map|
the escape route|the time|the names|the ladder|the anchor point|the batteries|the stretcher|the tent|the fire|
the vehicle|the cargo|the spill|the leak|the runoff|the tank|the entrance|the slope|the head count|
the nearest water|the boundary|the last known point|the clothing|the mask|all gear|bystanders|the perimeter|
the area""".replace("\n", "").split("|")
ADVERBS = """at once|slowly|twice|by hand|in pairs|from the upwind side|before dark|every hour|with a partner|
on the signal|from a distance|first|last|in silence|by radio|with gloves|without delay|on foot|step by step|
from uphill|at each turn|in daylight|with care|before entry|after each shift|in writing|together|in
order""".replace("\n", " ").split("|")
NOUNS_LIST = """anchors|boots|water|maps|ropes|radios|food|fuel|names|times|routes|tools|weather|wind|terrain|
people|vehicles|lights|keys|blankets|signals|masks|gloves|batteries|shelter|charts|hooks|lamps|flags|doors|
exits|hazards|contacts|plans|stretchers|helmets|pumps|hoses|markers|whistles|medicine|slopes|clocks|clothing|
lookouts|officers|zones|lines|crews|knots|ladders|distance|shielding|air|heat|light|sound|speed|
size|shape|colour|depth|location|access|needs|injuries|tracks|shade|rest|time|type|
number""".replace("\n", "").split("|")
COLOURS, HAZARDS, SYMPTOMS, SMELLS, VERBS, OBJECTS, ADVERBS, NOUNS_LIST, MATERIALS, DIRECTIONS = (
    [" ".join(w.split()) for w in words]
    for words in (COLOURS, HAZARDS, SYMPTOMS, SMELLS, VERBS, OBJECTS, ADVERBS, NOUNS_LIST, MATERIALS, DIRECTIONS))

UNITS = {
    "distance": ["feet", "feet", "yards", "meters", "miles", "kilometers", "chains"],
    "width": ["feet", "inches", "meters", "yards"],
    "height": ["feet", "inches", "meters"],
    "length": ["feet", "yards", "meters", "inches"],
    "depth": ["feet", "inches", "meters"],
    "spacing": ["feet", "yards", "meters", "paces"],
    "weight": ["pounds", "ounces", "kilograms", "tons"],
    "time": ["minutes", "minutes", "hours", "seconds", "days", "weeks"],
    "temperature": ["degrees Fahrenheit", "degrees Celsius", "degrees"],
    "speed": ["mph", "knots", "miles per hour", "feet per minute", "meters per second"],
    "pressure": ["psi", "bar", "pounds per square inch"],
    "slope": ["percent", "degrees"],
    "volume": ["gallons", "liters", "quarts", "ounces"],
    "flow": ["gallons per minute", "liters per minute", "gpm"],
    "share": ["percent"],
    "crew": ["people", "members", "persons", "firefighters", "rescuers", "searchers"],
    "count": ["hoses", "tents", "radios", "boats", "vehicles", "engines", "ropes", "lamps", "teams", "steps", "rounds",
              "signals", "blasts", "whistles", "flags", "points", "rules", "orders", "situations", "factors", "types",
              "sections"],
    "interval": ["minutes", "hours", "days", "weeks", "months", "years"],
    "dose": ["ppm", "milligrams", "parts per million", "micrograms"],
}

ONSET = """b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sc sh sk sl sm sn sp st str sw t th
tr tw v w wh y z""".split()
VOWEL = "a a a e e e i i o o o u ai ea ee ie oa oo ou y".split()
CODA = """ - - - b ck d ft g l ld ll lm lt m mp n nd ng nk nt p r rd rk rl rm rn rt s sh sk ss st t th v x zz""".split()
TAIL_SUB = "ane ate ide ine ol ose ium one ite yl ene ic in ous".split()
TAIL_PLACE = "ton|ford|ley|by|ham|wick|mere|stead|field|port|more|dale|worth|view|bury|ville".split("|")


def syllable(rng):
    coda = rng.choice(CODA)
    return rng.choice(ONSET) + rng.choice(VOWEL) + ("" if coda == "-" else coda)


def coined(rng, low=1, high=2):
    """A made-up lower-case word such as "dravel" or "skoamer"."""
    n = low if rng.random() < 0.7 else rng.randint(low, high)
    word = "".join(syllable(rng) for _ in range(n))
    if rng.random() < 0.5:
        word += rng.choice(["el", "er", "a", "o", "en", "in", "ar", "on", "us", "ock", "et", "ow", "y"])
    return word


def code(rng):
    """A made-up identifier such as "KR-7", "T4" or "Model 310"."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTVWXYZ") for _ in range(rng.randint(1, 3)))
    digits = str(rng.randint(1, 990))
    return rng.choice([letters + "-" + digits, letters + digits, "Model " + digits, "Type " + letters[:1], letters])
