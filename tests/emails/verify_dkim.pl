# Verifies a message from standard input with Mail::DKIM; the key records stand in the file named, one "name value" a line.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Mail::DKIM::DNS;
use Net::DNS;

my %records;
open(my $file, '<', $ARGV[0]) or die $!;
while (<$file>) { chomp; my ($name, $value) = split(/ /, $_, 2); $records{lc $name} = $value; }

# A resolver that knows these records only, so that nothing is asked of any network.
package OwnResolver;
sub new { return bless {}, shift }
sub query { my ($self, $name) = @_; return $self->send($name, 'TXT') }
sub send {
    my ($self, $name, $type) = @_;
    my $packet = Net::DNS::Packet->new($name, $type);
    my $value = $records{lc $name};
    if (defined $value) {
        my @strings = $value =~ /(.{1,255})/g;
        $packet->push(answer => Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [@strings]));
        return $packet;
    }
    $packet->header->rcode('NXDOMAIN');
    return $packet;
}
sub errorstring { return 'NXDOMAIN' }
sub persistent_udp { return 0 }
sub udppacketsize { return 4096 }
sub AUTOLOAD { return undef }

package main;
Mail::DKIM::DNS::resolver(OwnResolver->new);
local $/ = undef;
foreach my $message (split(/\0/, <STDIN>)) {
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT($message);
    $verifier->CLOSE;
    print join(' ', map { $_->result } $verifier->signatures) || 'none', "\n";
}
