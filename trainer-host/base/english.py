"""Ordinary English words for the invented world: vocabulary only, no statement about anything.

Why: the tokenizer must have seen field English to write it in few tokens, and the model must
have met these words inside names, conditions and answers.
"""

NOUNS = """ability absence access accident accountability acre action activity address adult advice agency agent agreement aid
aim air aircraft alarm alert altitude amount analysis animal answer appearance approach approval arc area army arrival aspect
assembly assignment assistance atmosphere attention attack authority avalanche award baby backup bacteria balance bank bark base
basis bat beam bearing beginning behavior bird birth blanket blast bleeding block blood boiling bomb bone border boss bottom boundary
box break breath breathing breeze brief briefing bubble budget building bulk bullet burn burst bus business button bystander cabin
calculation call calm camp canyon car carbon card cargo case category cattle cause caution cell center centimeter chance change
chaos charge chart check chemical chest chief child choice circle circulation citizen city class clay cliff climate clock closing
clothing cloud club clue coast coat code column combustion command commander comment communication community comparison compass
compression concentration concern concrete condition conduct confidence confirmation conflict connection contact container contamination
content contract control convection cooling coordination core corner correction cost cotton council count country county couple course
coverage cover crack crash crew crime crisis crop crossing crowd crown current curve custody cut cycle damage danger darkness data date dawn day
deadline deal death debris decision decline degree delay delivery demand density department departure deployment depth description desert
design detail detection detector device diagram diamond difference difficulty digit dignity dimension direction director dirt disaster discharge
discipline disease dispatch distance distress district diver division doctor document dog dose doubt dozen dozer draft drain drill drink drive driver
drop drought drug duck duff duration dusk dust duty ear earth earthquake east edge edition education effect effort elderly electricity element
elevation emergency employee end energy engine engineer entry environment equipment error escape estimate evacuation evening event evidence
example exercise exhaustion exit expansion experience expert explosion explosive exposure extension extent eye face facility factor failure fall family fan
farm fatigue fatality fault fear feature fence fiber field figure file final find finger finish fire firefighter fireline fit flame flank flare flash flashlight
flight flood floor flour flow flower fluid focus fog food foot force forecast forest form foundation frame frequency friction friend front frost frostbite fuel
function funnel fusee future gallon gap garage gas gasoline gate gear glass goal goggles grade grass gravity grid ground group growth guard guess guidance guide
guidebook gust habitat hail half hand handle hazard head headquarters health heart heat heel height helicopter helispot helmet help hiker hill history hold hole home
homing hook horizon horse hospital hour house hub human humidity hunter husband hydrant hypothermia ice idea identification ignition image impact inch incident
increase index indicator industry information initial injury insect inspection instruction insulation intensity interest interval investigator
iron island isolation issue item job joint journal journey judge jump junction jury kit knot label lake land landmark language law layer leader
leadership leak leaf length lesson letter level liaison life lift light lightning limit line liquid list liter litter load location log logistics lookout loss lung
machine magnet mail manager manual map margin mark marker market mass match material matter meal meaning measure mechanism medicine
medium meeting member memory mental message metal meter method midnight mile mind minute mirror missing mission mistake mix mixture model
moment monitoring month moon morning motion motor mountain mouth movement mud munition muscle name nation nature neck need needle neighbor
network night nitrogen noise noon north nose note notice number object objective observation observer obstacle occasion ocean odor office officer oil opening
operation operator order ordnance organization outdoors outline output overhead owner oxidizer oxygen pace package packing page pain pair panel paper parachute parent
park part partner party pass passage passenger past path patient pattern pause peak pencil people percent percentage perimeter period permission permit
person personnel phase phone photo piece pilot pit pitch placard place plan plane plant plastic plate platform player plume pocket point poison pole police policy
pond pool population port position possibility post potential pound powder power practice precaution precipitation preparation presence pressure prevention
priority prisoner probability problem procedure process produce product profile program progress promise proof property proportion protection protocol public
pulse pump purpose quality quantity quarter question quick radiation radio radius rail railroad rain range rank rate ratio reaction reading reason receiver record recovery red reduction
reference refuge region regulation relation release relief report request rescue rescuer reserve resident resistance resource respirator response responder
responsibility rest restriction result retardant return ridge rig ring rise risk river road rock role roof room root rope rotor round route routine row rule run runoff runway
safety sample sand scale scene schedule school science scout screen sea search searcher season seat second section sector segment self
senior sense separation sequence series service set shade shadow shape share sheet shelter shift ship shock shoe shop shore shoulder shower side sight sign
signal silence situation size skid skill skin sky sled sleep slope smell smoke snag snake snow soil soldier solution sound source south space spacing span spark
speaker specialist spectrum speed spill spirit split spot spotting spray spread spring square squad staff stage staging standard start state statement station status steam steel step stick stone stop storage storm story
strategy stream street strength stress stretcher strike string structure student study subject substance success sun supervisor supervision supplies supply support surface survey survival survivor
suspect swimmer symbol symptom system table tactic tail tank tanker target task team tear technique technology telephone temperature terrain test theory
thing thought thread threat threshold thunder thunderstorm tide timber time tip tire title tool tooth top torch torching total touch tourniquet tower town toxicity toy track tracker traffic trail train training
transfer transport trap travel treatment tree trench trend triage trigger trip triangle trouble truck trunk trust truth tube turn turnout type umbrella unit university update urgency
use user vacuum valley value vapor variation vegetation vehicle ventilation vest victim video view village visibility visit visitor voice volcano volume volunteer wait walk walker wall warning waste watch
water wave way weakness weapon weather week weight west wheel white wife wilderness wildland wind window wing winter wire witness woman wood word work worker workplace world wound
wreck wrist yard year zone""".split()

VERBS = """accept achieve add adjust admit advance advise affect agree aim alert allow announce answer apply approach approve arrange arrive ask assess assign assist
assume attach attack attempt avoid bandage base be bear beat become begin believe bind board boil break breathe brief bring build calculate
calm cause change charge choose circle climb come combine command communicate compare complete confirm connect consider contact contain continue control
convert cool coordinate correct cough create cross debrief decide declare decontaminate decrease defend define delay deliver demand deny depend deploy describe designate
destroy detect determine develop direct discharge discover discuss display dispose disperse divide document double drag draw dress drink drive drown eat elevate eliminate
engage enter erase escape establish estimate evacuate evaluate examine exceed exchange expand expect explain explode explore expose express extend extinguish extract face fall
fasten feel fight find finish fit float flow follow forbid force forget form gather get give go grab grow handle happen hear heat help hide hike hit identify ignite
ignore improve include increase indicate inform inject injure insert insist instruct involve join judge jump kneel know land last launch lay lead lean learn leave lie
limit listen load locate look lose maintain make manage match mean meet melt mention mix monitor mop name navigate need neutralize note notify observe obtain occur offer
operate order organize oversee park participate penetrate perform permit pick place plan plant point pour prepare prevent proceed produce prohibit promise propose protect prove provide
pump push put raise react reach realize receive recognize recommend recover reduce reflect refuse regain relax release relieve remain remember remove repair repeat replace request require rescue
respond rest restore restrict retreat return reveal review ride ring rise rotate run save scan scatter scout see seek select separate serve set settle shake share
shelter shield shine shout show sign signal sit size slide slow smell smoke soak solve sort speak spend spill splint spot spray spread squeeze stabilize stage stand start stay
steer stir store stretch strike submit suffer suggest supervise supply support suppress surround survive suspect swallow sweat swell swim take talk teach tell think threaten throw tie touch
track trade train transfer transmit transport travel treat trust try understand update use vary ventilate verify visit wait wake walk want warm warn wash
watch wear weigh withdraw work worry wrap write yell""".split()

OTHER = """about above according across actual additional adequate adjacent after again against aggregate ahead airborne alive alone along already also although always
among angry annual another any anybody anyone anything anywhere apart aware away backward bad bare because before behind below beneath beside best better between beyond big bigger
blind boiling both brief broken burning busy capable careless cautious certain cheap chemical civil clean clearly close colder combustible comfortable compressed conscious
constant continuous convenient corrosive correct crowded cubic current daily decisive decisively deadly deaf dead dense different difficult direct dirty diurnal downhill downslope
downwind drunk due during each eager easily easy either electric electrical else empty enough entire equal especially essential every everybody everyone everything everywhere
exactly excited exact explosive extra extremely fairly false familiar far farther federal few fewer fifth first five flammable forward four fourth free frequent frequently fresh friendly frozen fully further
gaseous gently glad global gradually great greater greatest green gusty half hardly harmful hasty hazardous healthy heavier helpful hidden highly honest horizontal hotter however huge human humid hungry
ideal if ill immediate immediately impossible in indoors infectious infrared initially inside instead intense international into invisible itself just key larger largest
last later lately latest least legal less lighter likely liquid little lively live locally loud lower lowest lucky magnetic many maximum maybe mechanical mental mild minimum minus moderate
modern moist moldy more most mostly moving much multiple must narrow nearest nearly necessary nervous never next nine ninth nobody none noon nor normally nothing now nowhere
obvious occupied off often old on once one only onto open or other otherwise outside over own partly past patient pending per perhaps permanent personal
physical poisonous polite poor positive potential prescribed present pressurized previous probable prompt promptly protective quarter quickly quietly radioactive rare rather
ready real recent reflective refrigerated regular relative relevant reliable responsible responsive restless retroreflective rich right ripe rough roughly second secret secure seldom self
separate serious seven seventh several severe shallow shorter should shut sick side similar simple since single six sixth sleepy slightly slippery slower smaller smallest
sober somebody someone something sometimes somewhere soon spontaneous stable stationary steep sticky still strange strict strongly stupid subsequent sudden suddenly
sufficient surrounded suspicious swift symmetrical tactical ten tenth than that their them themselves then there therefore these they third thirsty thirty this those three
through throughout till tired to today together tomorrow tonight too total toward toxic twelve twenty twice two typical under underground underneath unconscious underwater unfamiliar
unless unlikely unsafe until untreated unusual up uphill upon upper upright upslope upward upwind urban useful usually vague valid various very violent vital
volatile walkable warmer weak well what when where whether which while who whole whom whose why widely wild windward wise with within without wooden worn worse worst
worth wrong yesterday yet young zero a an the and but for from her him his how is it its like me my no not of our out she so some us was we were will would yes you your
incorrect carefully safely slowly quickly evenly firmly loosely deeply mainly moderately partially completely directly indirectly hourly weekly monthly yearly northern
firefighting watchout mopup blowup burnover backfire burnout flareup runaway overhaul hotshot smokejumper tailboard airtanker helitack downdraft inversion subsidence foehn drainage gradient
flammability reactivity corrosivity asphyxiation asphyxiant cryogenic polymerize polymerization hydrate solvent peroxide chloride nitrate sulfide fluoride hydroxide oxide alkaline caustic
anhydrous aqueous liquefied dissolved flashback rainsuit coveralls boots respirator cartridge canister detector manifest shipper consignee carrier tanker railcar hopper intermodal
dosimeter half-life roentgen biological etiologic containment absorb absorbent dike dilute divert overpack plug patch
kernmantle carabiner pulley belay rappel harness anchor haul lowering mainline litter tandem litterbearer tagline windchill dehydration heatstroke frostnip laceration fracture
splint bandage tourniquet airway circulation triage deceased ambulatory delayed minor immediate whistle strobe transponder beacon transmitter latitude longitude bearing azimuth declination
contour topographic coordinates datum waypoint gps grid""".split()
