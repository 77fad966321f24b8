# /           greets, from which container     /env?NAME    one of its variables
# /write?FILE writes it, or says why not       /exit?CODE   dies in the middle of the request
# /id         its user, group and folder       /read?FILE   what is in it, or why not
use strict;
use warnings;
use Cwd;
use IO::Socket::INET;

$| = 1;
$SIG{INT} = sub { print "good bye\n"; exit 0 };
if (my $code = $ENV{DIE_AT_START}) {
    print "one moment\n";
    print STDERR "can't go on\n";
    exit $code;
}
sleep($ENV{START_DELAY} // 0);
my $server = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 128, ReuseAddr => 1) or die "can't listen: $!\n";
print "listening on $ENV{PORT}\n";
sub content { open(my $file, "<", $_[0]) or return "$!"; return join("", <$file>) }
while (1) {
    my $client = $server->accept or next;
    my ($path, $query) = (<$client> // "") =~ m{^GET /(\w*)(?:\?(\S*))? } or next;
    while (my $line = <$client>) { last if $line eq "\r\n" }
    print "GET /$path\n";
    exit $query if $path eq "exit";
    my $body = $path eq "env" ? $ENV{$query} // ""
        : $path eq "id" ? "$< " . (split / /, $()[0] . " " . getcwd
        : $path eq "read" ? content($query)
        : $path eq "write" ? (open(my $file, ">", $query) ? "written" : "$!")
        : "hello @ARGV from $ENV{HOSTNAME}";
    print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
    close $client;
}
