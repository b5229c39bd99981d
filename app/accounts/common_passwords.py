"""The passwords that are tried first everywhere; those shorter than the minimum are beginnings."""

from __future__ import annotations

_WORDS = """
    123123 123123123 12312312 123321 123456 1234567 12345678 123456789 1234567890 12345678910
    123qwe 123qweasd 147258369 159753 1q2w3e 1q2w3e4r 1q2w3e4r5t 1qaz 1qaz2wsx 1qazxsw2 987654321
    0987654321 9876543210 0123456789 11223344 1122334455 12341234 123454321 147852369 159357
    741852963 789456123 789456 963852741 87654321 99887766 a1b2c3 a1b2c3d4 aa123456 aaaaaaaa abc abc123
    abc12345 abcd1234 abcd abcdef abcdefg abcdefgh abcdefghi abcdefghij access account admin admin123
    administrator adminadmin alexander amanda andrea andrew angel angels anthony apple arsenal asdf
    asdf1234 asdfasdf asdfghjk asdfghjkl asdfjkl asdfzxcv asdqwe ashley august austin babygirl bailey
    banana barcelona baseball basketball batman benjamin beautiful biteme blessed blink butterfly
    cambridge casino changeme changethis charlie cheese chelsea chicken chocolate christian cocacola
    computer cookie corvette creative danielle december default destiny diamond dolphin donald
    dragon drowssap einstein elephant elizabeth enter eternity everton family february ferrari
    flower football forever france freedom friday friend friends fuckyou fuckoff garfield gateway
    gfhjkm ginger google guitar hannah harley hello hello123 helloworld hospital hottie hunter
    iloveyou iloveyou1 internet jackson january jasmine jennifer jessica jesus johnson jonathan
    jordan jordan23 joshua justice justin killer kimberly knight lakers letmein liverpool login
    lovely loveme lovelove london maggie magic manchester marina marlboro martin master matrix
    maverick medicine melissa mercedes merlin michael michelle midnight mickey minecraft monday
    monkey monster mustang natalie naruto nicholas nicole nintendo november nothing october olivia
    orange p@ssw0rd p@ssword passion pass passer passw0rd password password1 password12 password123
    passwort patrick peanut pepper phoenix pokemon princess purple q1w2e3r4 q1w2e3r4t5 qazwsx
    qazwsxedc qwe123 qweasd qweasdzxc qwer1234 qwert qwerty qwerty123 qwertyu qwertyui qwertyuiop
    qwertz qwertzui qwertzuiop rainbow ranger richard robert samantha sample samsung scooter
    secret secret123 september shadow silver slipknot snoopy soccer sophie spiderman spring starwars
    steelers student summer sunday sunflower sunshine superman superstar system temp temporary test
    test1234 tester testing testtest thomas thunder tigger tinkerbell trustno1 turtle tweety
    undertaker unknown vanessa victoria victory vincent warcraft welcome welcome1 whatever william
    wilson winner winter wonderland yankees yellow zaq12wsx zaq1zaq1 zxcvbnm zxcvbnm123 zxcvbnmasdf
    azerty azertyuiop motdepasse contrasena hallo hallo123 schatz bonjour soleil doudou ficken
"""

WORDS = frozenset(_WORDS.split())
